"""Published while it is trained."""

from collections.abc import Callable
from typing import Any

import keras


class Publish(keras.callbacks.Callback):  # type: ignore[misc]
    """Publishes the model as the recipe's `[publish]` says, at the end of every `every` epochs, if the gate allows.

    `publish` does it; the run sets it.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self.every = every
        self.publish: Callable[[], Any] = lambda: None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if (epoch + 1) % self.every == 0:
            self.publish()
