"""Checkpoints written in the background."""

import threading
from collections.abc import Callable

from horngate.training.checkpoints.state import RunState
from horngate.training.checkpoints.store import Store


class Writer:
    """One thread that writes states into a store, one at a time. Used from the training thread.

    A state that cannot be written (a full disk) is told and given up: the checkpoints before it stay.
    """

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self._store = store
        self._tell = tell
        self._thread: threading.Thread | None = None

    @property
    def free(self) -> bool:
        """Whether nothing is being written."""
        return self._thread is None or not self._thread.is_alive()

    def begin(self, state: RunState) -> None:
        """Write this state, after the one before it, without waiting for its end."""
        self.finish()
        # Not a daemon: an interpreter that ends lets it finish.
        self._thread = threading.Thread(target=self._write, args=(state,), name="checkpoint")
        self._thread.start()

    def finish(self) -> None:
        """Wait until what was begun is written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self, state: RunState) -> None:
        try:
            self._store.write(state)
        except OSError as error:
            self._tell(
                f"checkpoint at step {state.place.steps} could not be written ({error}); training goes on"
            )
