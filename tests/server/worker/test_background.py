"""What is done beside the main thread."""

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

from horngate.server.worker.background import Background


class Made:
    """Something large."""


def test_what_was_made_is_not_kept_by_the_thread_that_made_it() -> None:
    outcomes: SimpleQueue[Callable[[], None]] = SimpleQueue()
    gone = threading.Event()

    def take(made: Made) -> None:
        weakref.finalize(made, gone.set)

    Background(outcomes.put, "maker").do(Made, take)
    outcomes.get(timeout=30)()
    assert gone.wait(30)
