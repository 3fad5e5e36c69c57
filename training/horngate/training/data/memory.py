"""Rows that are all in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from horngate.training.data.feeding import Feeding, Rows
from horngate.training.data.order import shuffled
from horngate.training.data.structure import (
    as_parts,
    cut,
    digest,
    row_count,
    split_row,
    with_class_weights,
)


class MemoryRows:
    """Arrays `(x, y[, sample_weight])`. `each` turns one row's x into what is fed: a path into an image."""

    def __init__(
        self, parts: Any, *, labels: tuple[str, ...] = (), each: Callable[[Any], Any] | None = None
    ) -> None:
        self.labels = labels
        self._parts = keras.tree.map_structure(_fed, as_parts(parts))
        self._each = each
        self._rows = row_count(self._parts)

    def __len__(self) -> int:
        return self._rows

    def steps(self, feeding: Feeding) -> int:
        """Batches an epoch."""
        return feeding.steps(self._rows)

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> Any:
        """See Rows. The rows are gathered by TensorFlow's own threads, as in `model.fit`."""
        import tensorflow as tf

        indices = _batches_of_indices(self._rows, feeding, epochs).skip(step)
        whole = tf.data.Dataset.from_tensors(keras.tree.map_structure(tf.constant, self._parts)).repeat()

        def gathered(chosen: Any, parts: Any) -> Any:
            batch = keras.tree.map_structure(lambda leaf: tf.gather(leaf, chosen), parts)
            if self._each is not None:
                batch = (tf.map_fn(self._each, batch[0], fn_output_signature=tf.float32), *batch[1:])
            return with_class_weights(batch, feeding.class_weights)

        found = tf.data.Dataset.zip((indices, whole)).map(gathered, num_parallel_calls=tf.data.AUTOTUNE)
        return found.with_options(pipeline_options()).prefetch(tf.data.AUTOTUNE)

    def numbers(self, feeding: Feeding, epoch: int, step: int) -> Sequence[int]:
        """See Rows."""
        order = shuffled(feeding.seed, epoch, self._rows) if feeding.shuffle else range(self._rows)
        return [int(row) for row in order[step * feeding.batch_size : (step + 1) * feeding.batch_size]]

    def split(self, fraction: float) -> tuple[Rows, Rows]:
        """See Rows."""
        first = split_row(self._rows, fraction)
        return (
            MemoryRows(cut(self._parts, 0, first), labels=self.labels, each=self._each),
            MemoryRows(cut(self._parts, first, None), labels=self.labels, each=self._each),
        )

    def fingerprint(self) -> Mapping[str, Any]:
        """The shapes, types and hashes of the arrays."""
        leaves = [np.asarray(leaf) for leaf in keras.tree.flatten(self._parts)]
        return {
            "rows": self._rows,
            "arrays": [
                {"shape": list(leaf.shape), "dtype": str(leaf.dtype), "sha256": digest(leaf)}
                for leaf in leaves
            ],
        }


def pipeline_options() -> Any:
    """What `model.fit` sets for arrays, too; batches come in order, and one device gets them as they are."""
    import tensorflow as tf

    options = tf.data.Options()
    options.deterministic = True
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    return options


def _fed(leaf: Any) -> Any:
    """An array as Keras feeds it: numbers with a decimal point in its own precision."""
    array = np.asarray(leaf)
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _batches_of_indices(rows: int, feeding: Feeding, epochs: range) -> Any:
    """Row numbers, a batch at a time, epoch after epoch."""
    import tensorflow as tf

    size, steps = feeding.batch_size, feeding.steps(rows)
    full = min(rows // size, steps)
    rest = rows - full * size if steps > full else 0

    def order(epoch: Any) -> Any:
        if not feeding.shuffle:
            return tf.range(rows, dtype=tf.int64)
        chosen = tf.numpy_function(lambda e: shuffled(feeding.seed, int(e), rows), [epoch], tf.int64)
        return tf.ensure_shape(chosen, [rows])

    def cut_up(indices: Any) -> Any:
        batches = tf.data.Dataset.from_tensor_slices(tf.reshape(indices[: full * size], [full, size]))
        return batches.concatenate(tf.data.Dataset.from_tensors(indices[full * size :])) if rest else batches

    found = tf.data.Dataset.range(epochs.start, epochs.stop).map(order).prefetch(1)
    return found.flat_map(cut_up)
