"""Asked to stop: a signal is noted, and the run ends between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STOPPED = 75
"""The exit code of a run that was stopped and can go on (EX_TEMPFAIL)."""


class Stopped(Exception):
    """The run was asked to stop, and its state is written."""


class StopRequest:
    """Whether the run should stop. Set from a signal's handler or another thread, read by the training thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self, *_: Any) -> None:
        """Stop after the step that is under way."""
        self._asked.set()

    def __bool__(self) -> bool:
        return self._asked.is_set()


@contextmanager
def stopped_by_signals(request: StopRequest) -> Iterator[None]:
    """SIGTERM and SIGINT ask for a stop meanwhile. In another thread than the main one, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, request.ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
