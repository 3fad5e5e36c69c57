"""A run that has gone wrong, ended where it did."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest


class NotANumber(InvalidRequest):
    """The loss is no number any more; the message names the batch."""


class StopOnNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the run with an error at the first batch whose loss is NaN or infinite, and names the batch's rows.

    `locate(epoch, step)` gives those rows' numbers; the run sets it where rows have numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.locate: Callable[[int, int], Sequence[int] | None] = lambda epoch, step: None
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        rows = self.locate(self._epoch, batch)
        which = "" if rows is None else f", rows {', '.join(map(str, rows[:64]))}"
        raise NotANumber(
            f"loss is {loss} in epoch {self._epoch + 1}, batch {batch + 1}{which}; look at these inputs, or lower "
            "the learning rate"
        )
