"""A lock that tells whether somebody waits for it, so that who has it for long can give it up in time."""

import threading


class Alone:
    """As `threading.Lock`; any thread may let go of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Invariant: _waiting counts threads that are in `acquire`; it changes under _counting.
        self._counting = threading.Lock()
        self._waiting = 0

    @property
    def is_wanted(self) -> bool:
        """Whether a thread waits for it."""
        return self._waiting > 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take it; whether it was taken."""
        if self._lock.acquire(blocking=False):
            return True
        if not blocking:
            return False
        self._count(1)
        try:
            return self._lock.acquire()
        finally:
            self._count(-1)

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _count(self, one: int) -> None:
        with self._counting:
            self._waiting += one
