"""Processes of one kind: started, and started again when they end by themselves."""

import asyncio
import time
from collections.abc import Callable

from horngate.server.frames.channel import Frame
from horngate.server.logs import logger
from horngate.server.past import forget_process
from horngate.server.supervisor.children import Child, next_pause_s

LONGEST_PAUSE_S = 5.0


def _longest_pause_s(ended: Child) -> float:
    return LONGEST_PAUSE_S


class Group:
    """Children by name, while `goes_on` says so. The supervisor's event loop owns it.

    `on_frame` hears what one says; `on_end`, with the exit status, that one has ended by itself. The next is there
    after at most `longest_pause_s` of the one that ended.
    """

    def __init__(
        self,
        on_frame: Callable[[Child, Frame], None],
        on_end: Callable[[Child, int], None],
        goes_on: Callable[[], bool],
        longest_pause_s: Callable[[Child], float] = _longest_pause_s,
    ) -> None:
        self.children: dict[str, Child] = {}
        self._on_frame = on_frame
        self._on_end = on_end
        self._goes_on = goes_on
        self._longest_pause_s = longest_pause_s
        # Invariant: each child's, which takes it out when no other is to come.
        self._tasks: list[asyncio.Task[None]] = []

    def keep(self, name: str, make: Callable[[str], Child]) -> None:
        """Have a process of that name from now on, if there is none."""
        if name not in self.children:
            self.children[name] = make(name)
            self._tasks.append(asyncio.get_running_loop().create_task(self._run(name, make)))

    def send(self, *frame: object) -> None:
        """Tell all of them."""
        for child in self.children.values():
            child.send(*frame)

    async def leave(self, patience_s: float) -> None:
        """Once it does not go on: have all end what they do, for so long at the most."""
        self.send("stop")
        until_s = time.monotonic() + patience_s
        while self.children and time.monotonic() < until_s:
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        """Have none any more."""
        for child in self.children.values():
            child.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, name: str, make: Callable[[str], Child]) -> None:
        """Start a child, wait for its end, start the next."""
        pause_s = 0.0
        while self._goes_on():
            child = self.children[name]
            try:
                await child.start(self._on_frame)
            except OSError as error:
                logger().error("process could not be started", name=name, error=str(error))
                await asyncio.sleep(LONGEST_PAUSE_S)
                continue
            status = await child.wait()
            forget_process(child.pid)
            if not self._goes_on():
                break
            logger().error("process ended by itself; another takes its place", name=name, status=status)
            self._on_end(child, status)
            pause_s = next_pause_s(child, pause_s, longest_s=self._longest_pause_s(child))
            await asyncio.sleep(pause_s)
            self.children[name] = make(name)
        self.children.pop(name, None)
