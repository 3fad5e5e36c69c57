"""The supervisor's side of the fork server: builders had for a tenth of what a new process with Keras costs."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

from horngate.server.supervisor.children import environment
from horngate.server.supervisor.telling import Ended, Hear, follow

IDLE_S = 30.0
"""How long the process stays, with the memory that Keras takes, when nothing is built."""

END_S = 10.0
"""How long the process may take to kill a builder that nobody waits for any more."""


class ForkServer:
    """Starts builders; its process is started by the first and ended IDLE_S after the last.

    The supervisor's event loop owns it.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._running = 0
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, order: str, hear: Hear) -> Ended | None:
        """Run a builder to its end, with the order on its standard input. Who waits no longer has it killed.

        None: the process that it was forked from is gone, and it with that.
        """
        if self._idle is not None:
            self._idle.cancel()
        self._running += 1
        try:
            return await self._run(order, hear)
        finally:
            self._running -= 1
            if not self._running:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._let_go)

    async def close(self) -> None:
        """End the process, and with it what it builds."""
        if self._idle is not None:
            self._idle.cancel()
        self._let_go()
        if self._process is not None:
            await self._process.wait()

    def _let_go(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None

    async def _run(self, order: str, hear: Hear) -> Ended | None:
        control = await self._started()
        with ExitStack() as theirs:
            hold, other_end = socket.socketpair()
            theirs.enter_context(other_end)
            stdout, out = os.pipe()
            stderr, error = os.pipe()
            ordered = _in_memory(order)
            for descriptor in (out, error, ordered):
                theirs.callback(os.close, descriptor)
            try:
                socket.send_fds(control, [b"b"], [ordered, out, error, other_end.fileno()])
            except OSError:
                self._let_go()
        waits, held = await asyncio.open_connection(sock=hold)
        async with _reading(stdout) as told, _reading(stderr) as printed:
            try:
                return await follow(told, printed, hear, lambda: _status(waits))
            except EOFError:
                self._let_go()
                return None
            finally:
                # Where the builder has not ended, this has it killed.
                with suppress(OSError):
                    held.write_eof()
                await self._ended(waits)
                held.close()

    async def _ended(self, waits: asyncio.StreamReader) -> None:
        """Wait for a builder's end; a process that does not see to it is ended, and its builders with it."""
        try:
            async with asyncio.timeout(END_S):
                await waits.read()
        except TimeoutError:
            self._let_go()
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
        except OSError:
            pass

    async def _started(self) -> socket.socket:
        """The control socket of a process that runs."""
        async with self._starting:
            if self._control is None or self._process is None or self._process.returncode is not None:
                self._let_go()
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = await asyncio.create_subprocess_exec(
                        sys.executable, "-m", "horngate.server.builder.fork_server",
                        stdin=theirs.fileno(),
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.DEVNULL,
                        env=environment(),
                        start_new_session=True,
                    )  # fmt: skip
                self._control = ours
            return self._control


@asynccontextmanager
async def _reading(descriptor: int) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        yield reader
    finally:
        transport.close()


async def _status(waits: asyncio.StreamReader) -> int:
    """What the hold tells. EOFError: nothing."""
    told = await waits.read()
    if not told:
        raise EOFError
    return int(told)


def _in_memory(text: str) -> int:
    """A descriptor from which the text is read."""
    descriptor = os.memfd_create("order")
    with os.fdopen(os.dup(descriptor), "w") as file:
        file.write(text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
