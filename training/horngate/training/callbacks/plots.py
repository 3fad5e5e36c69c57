"""The metrics as lines in a picture, drawn again at each epoch's end."""

from collections.abc import Mapping
from typing import Any

import keras

from horngate.training.runs.curves import save_png


class Plots(keras.callbacks.Callback):  # type: ignore[misc]
    """Draws all metrics so far into `filename` every `every` epochs, and at the end."""

    def __init__(self, filename: str = "curves.png", every: int = 1) -> None:
        super().__init__()
        self.filename, self.every = filename, every
        self._history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(float(value))
        if (epoch + 1) % self.every == 0:
            save_png(self._history, self.filename)

    def on_train_end(self, logs: Any = None) -> None:
        """Called by Keras."""
        save_png(self._history, self.filename)
