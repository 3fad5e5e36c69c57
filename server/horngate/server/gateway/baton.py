"""One thread at a time in a gateway: the event loop's while it calls back, or the one that takes a front's calls.

To wake the event loop for a call takes longer than to look at the call. So whoever has the baton may touch what
the event loop owns, and the loop lays it down for as long as it waits. What asyncio gives only to its own thread,
such as a task, has to be asked for there.
"""

import selectors
from threading import Lock

Baton = Lock


class YieldingSelector(selectors.EpollSelector):
    """An event loop's selector. The thread that makes it is the loop's, and holds the baton but while it waits."""

    def __init__(self, baton: Baton) -> None:
        super().__init__()
        self._baton = baton
        baton.acquire()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, after at most so many seconds; meanwhile the baton is another's, if one wants it."""
        self._baton.release()
        try:
            return super().select(timeout)
        finally:
            self._baton.acquire()
