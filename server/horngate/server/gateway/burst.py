"""Calls that came together go out together, without another turn of the event loop."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack


class Burst:
    """What is to be sent at the end of a burst, or of this turn of the loop. The gateway's event loop owns it."""

    def __init__(self) -> None:
        self._going_on = False
        self._flushes: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self._going_on = True

    def __exit__(self, *_: object) -> None:
        self._going_on = False
        flushes, self._flushes = self._flushes, []
        with ExitStack() as all_of_them:  # Should one fail, the others go out all the same.
            for flush in reversed(flushes):
                all_of_them.callback(flush)

    def at_end(self, flush: Callable[[], None]) -> None:
        """Have it called when all that belongs together is there."""
        if self._going_on:
            self._flushes.append(flush)
        else:
            asyncio.get_running_loop().call_soon(flush)
