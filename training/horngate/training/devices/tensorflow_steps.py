"""Steps on TensorFlow's devices."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import RecipeError


class TensorFlowSteps:
    """See Steps. Several devices are a MirroredStrategy's: GPUs or, without one, TensorFlow's virtual CPUs."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._strategy = _mirrored(count) if count > 1 else None

    def scope(self) -> AbstractContextManager[Any]:
        """See Steps."""
        scope: AbstractContextManager[Any] = self._strategy.scope() if self._strategy else nullcontext()
        return scope

    def iterator(self, batches: Any) -> Iterator[Any]:
        """See Steps. A batch that cannot be shared evenly is repeated, once for each device."""
        if self._strategy is None:
            return iter(batches)
        return iter(self._strategy.experimental_distribute_dataset(batches.map(self._dealt)))

    def _dealt(self, *parts: Any) -> Any:
        import tensorflow as tf

        rows = tf.shape(keras.tree.flatten(parts)[0])[0]

        def repeated() -> Any:
            return keras.tree.map_structure(lambda leaf: tf.concat([leaf] * self.count, 0), parts)

        return tf.cond(rows % self.count == 0, lambda: parts, repeated)

    def train(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """See Steps."""
        return self._step(model.train_function, model, iterator, rows)

    def test(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """See Steps."""
        return self._step(model.test_function, model, iterator, rows)

    def _step(
        self, step: Callable[[Any], Mapping[str, Any]], model: Any, iterator: Iterator[Any], rows: int | None
    ) -> Mapping[str, Any]:
        if rows is None or rows % self.count == 0:
            return step(iterator)
        # Each device measures all rows, and metrics add up what the devices measured.
        variables = model.metrics_variables
        before = [np.array(one) for one in variables]
        logs = step(iterator)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value + (np.array(variable) - value) / self.count)
        return logs

    def settle(self, model: Any) -> None:
        """See Steps: TensorFlow's steps work on the variables themselves."""


def _mirrored(count: int) -> Any:
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(found) < count:
        raise RecipeError(f"devices is {count}; TensorFlow sees {len(found)} ({', '.join(found)})")
    return tf.distribute.MirroredStrategy(found[:count])
