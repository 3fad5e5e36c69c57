"""Batches that a user's function makes: a generator, a PyDataset or a tf.data.Dataset."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import RecipeError
from horngate.training.data.feeding import Feeding, Rows
from horngate.training.data.memory import pipeline_options
from horngate.training.data.order import shuffled
from horngate.training.data.structure import as_parts, with_class_weights


class MadeBatches:
    """What `make()` returns, asked for anew for each run, so that a run that goes on sees the same batches.

    A PyDataset is read by number: from any step at once, its batches in the seed's order if rows are shuffled. A
    generator or a tf.data.Dataset is drawn from its begin to the step where the run goes on.
    """

    def __init__(self, make: Callable[[], Any], name: str) -> None:
        self.labels: tuple[str, ...] = ()
        self._make = make
        self._name = name

    def __len__(self) -> int:
        raise TypeError(f"{self._name} gives batches, whose rows cannot be counted")

    def steps(self, feeding: Feeding) -> int:
        """See Rows."""
        if feeding.steps_per_epoch:
            return feeding.steps_per_epoch
        made = self._make()
        if isinstance(made, keras.utils.PyDataset) and made.num_batches is not None:
            return int(made.num_batches)
        counted = int(made.cardinality()) if hasattr(made, "cardinality") else -1
        if counted < 1:
            raise RecipeError(f"{self._name} does not tell its length; set fit.steps_per_epoch")
        return counted

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> Any:
        """See Rows."""
        made = self._make()
        if isinstance(made, keras.utils.PyDataset):
            found = _generated(lambda: _numbered(self._make(), feeding, epochs, step))
        elif hasattr(made, "element_spec"):
            steps = self.steps(feeding)
            found = made.take(steps).repeat() if feeding.steps_per_epoch is None else made.repeat()
            found = found.skip(epochs.start * steps + step)
        else:
            skipped = epochs.start * self.steps(feeding) + step
            found = _generated(lambda: _from(self._make(), skipped))
        found = found.map(lambda *parts: with_class_weights(_unpacked(parts), feeding.class_weights))
        return found.with_options(pipeline_options()).prefetch(2)

    def numbers(self, feeding: Feeding, epoch: int, step: int) -> None:
        """A function's rows have no numbers."""

    def split(self, fraction: float) -> tuple[Rows, Rows]:
        """Batches have no last rows to take."""
        raise RecipeError(
            f"fit.validation_split cannot divide {self._name}, which gives batches; give [validation]"
        )

    def fingerprint(self) -> Mapping[str, Any]:
        """The function's name: what it gives is not read twice."""
        return {"function": self._name}


def _unpacked(parts: Any) -> tuple[Any, ...]:
    """The parts, however a dataset's element was nested."""
    return as_parts(parts[0] if len(parts) == 1 and isinstance(parts[0], tuple) else parts)


def _numbered(data: Any, feeding: Feeding, epochs: range, step: int) -> Iterator[Any]:
    data.on_epoch_begin()
    for _ in range(epochs.start):
        data.on_epoch_end()
    for epoch in epochs:
        count = int(data.num_batches)
        order = shuffled(feeding.seed, epoch, count) if feeding.shuffle else np.arange(count)
        for number in order[step if epoch == epochs.start else 0 : feeding.steps_per_epoch]:
            yield as_parts(data[int(number)])
        data.on_epoch_end()


def _from(batches: Any, skipped: int) -> Iterator[Any]:
    for place, batch in enumerate(batches):
        if place >= skipped:
            yield as_parts(batch)


def _generated(make: Callable[[], Iterator[Any]]) -> Any:
    """A dataset of a generator's batches, of the first one's shapes with any number of rows."""
    import tensorflow as tf

    batches = make()
    first = next(batches)
    batches.close()  # type: ignore[attr-defined]
    first = keras.tree.map_structure(np.asarray, first)

    def typed(leaf: Any) -> Any:
        return leaf.astype(keras.config.floatx()) if leaf.dtype == np.float64 else leaf

    signature = keras.tree.map_structure(
        lambda leaf: tf.TensorSpec((None, *leaf.shape[1:]), typed(leaf[:0]).dtype), first
    )

    def cast() -> Iterator[Any]:
        for batch in make():
            yield keras.tree.map_structure(lambda leaf: typed(np.asarray(leaf)), batch)

    return tf.data.Dataset.from_generator(cast, output_signature=signature)
