"""A learning rate that rises to its own value."""

from typing import Any

import keras

from horngate.contract.errors import RecipeError


class WarmUp(keras.callbacks.Callback):  # type: ignore[misc]
    """In a phase's first `steps` batches the learning rate rises in a straight line, from `start` times its value.

    Not for an optimizer with a schedule: Keras's CosineDecay has a warm-up of its own.
    """

    def __init__(self, steps: int = 100, start: float = 0.1) -> None:
        super().__init__()
        self.steps, self.start = steps, start
        self._done = 0
        self._target = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        if isinstance(self.model.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            raise RecipeError("callbacks: WarmUp sets the learning rate, which compile.schedule does already")
        self._done = 0
        self._target = float(self.model.optimizer.learning_rate)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if self._done > self.steps:
            return
        part = self._done / self.steps if self.steps else 1.0
        self.model.optimizer.learning_rate = self._target * (self.start + (1 - self.start) * part)
        self._done += 1
