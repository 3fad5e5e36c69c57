"""The states of stateful recurrent layers, between sequences."""

from typing import Any

import keras


def reset_states(model: Any) -> None:
    """Set the states of all stateful recurrent layers to zero, nested ones too, as `model.reset_states()` did."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_states"):
            layer.reset_states()


class ResetStates(keras.callbacks.Callback):  # type: ignore[misc]
    """Resets a stateful model's states as each epoch begins, before what is measured after it, and every `batches`.

    `batches` is how many follow one another in a sequence; 0: an epoch is one.
    """

    def __init__(self, batches: int = 0) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        reset_states(self.model)

    def on_test_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        reset_states(self.model)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if self.batches and batch % self.batches == 0:
            reset_states(self.model)
