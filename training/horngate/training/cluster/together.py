"""A stop that all workers of a cluster make after the same step."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from horngate.training.stopping import StopRequest

_EVERY_S = 1.0
_FASTER = 8
"""How many times as many steps as before the workers take at most until they meet again: the first ones compile."""

Agreed = tuple[bool, int]
"""Whether to stop now, and after which of their steps the workers meet next."""


class AskedByFile(StopRequest):
    """A request that other machines see, in a file of the run's folder. Used by the process that started them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        path.unlink(missing_ok=True)

    def ask(self, *_: Any) -> None:
        """See StopRequest."""
        super().ask()
        self._path.touch()


class StopTogether(keras.callbacks.Callback):  # type: ignore[misc]
    """Asks for a stop in all workers after the same step: one that stopped alone would leave the others waiting.

    The workers meet about once a second, after a step that they agreed on when they met before. `agree` gives each
    of them what the first one says, and waits for all.
    """

    only_shows = True

    def __init__(
        self,
        stop: StopRequest,
        asked: Path,
        agree: Callable[[Agreed | None], Agreed],
        *,
        first: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._stop, self._asked, self._agree = stop, asked, agree
        self._first, self._clock = first, clock
        self._steps, self._next_step = 0, 1
        # When the workers met last, and after how many steps.
        self._met_s, self._met_steps = clock(), 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._steps += 1
        if self._steps == self._next_step:
            stopping, self._next_step = self._agree(self._said() if self._first else None)
            if stopping:
                self._stop.ask()

    def _said(self) -> Agreed:
        now_s, done = self._clock(), self._steps - self._met_steps
        ahead = done * _EVERY_S / max(now_s - self._met_s, 1e-6)
        self._met_s, self._met_steps = now_s, self._steps
        return self._asked.exists(), self._steps + max(1, min(int(ahead), done * _FASTER))
