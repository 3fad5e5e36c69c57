"""Rows that stay in their file: read while training, a window at a time, in the background."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from horngate.training.data.feeding import Feeding, Rows
from horngate.training.data.memory import pipeline_options
from horngate.training.data.order import Indices, Windows
from horngate.training.data.structure import as_parts, digest, row_count, split_row, with_class_weights

WINDOW_BYTES = 64 << 20
"""What one window holds at most. Up to five are in memory: in use, waiting, while one is read and put in order."""
_BLOCK_ROWS = 16
"""Rows of a block where the file itself has no chunks."""
_SAMPLED = 64


class StreamedRows:
    """Columns `(x, y[, sample_weight])` that are read by slices, like h5py's datasets.

    Shuffled, a window mixes blocks from all over the file (see Windows). `normalizer` is applied to x.
    """

    def __init__(
        self,
        parts: Any,
        *,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self.labels: tuple[str, ...] = ()
        self._parts = as_parts(parts)
        self._columns: Sequence[Any] = keras.tree.flatten(self._parts)
        self._inputs = len(keras.tree.flatten(self._parts[0]))
        self._start = start
        self._rows = min(end or (1 << 62), row_count(self._parts)) - start
        self._normalizer = normalizer
        self._window_bytes = window_bytes

    def __len__(self) -> int:
        return self._rows

    def steps(self, feeding: Feeding) -> int:
        """Batches an epoch."""
        return feeding.steps(self._rows)

    def windows(self, batch_size: int) -> Windows:
        """How the rows are cut: windows of the memory allowed, blocks of the file's own chunks."""
        row_bytes = sum(column.dtype.itemsize * int(np.prod(column.shape[1:])) for column in self._columns)
        batches = max(1, self._window_bytes // max(1, row_bytes * batch_size))
        window_rows = min(batches, -(-self._rows // batch_size)) * batch_size
        chunks = getattr(self._columns[0], "chunks", None)
        # A window of few blocks is shuffled badly: large chunks are read in parts.
        block_rows = min(chunks[0] if chunks else _BLOCK_ROWS, max(1, window_rows // _SAMPLED))
        return Windows(rows=self._rows, block_rows=block_rows, window_rows=window_rows)

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> Any:
        """See Rows."""
        import tensorflow as tf

        windows, steps = self.windows(feeding.batch_size), self.steps(feeding)
        each = windows.window_rows // feeding.batch_size
        needed = -(-steps // each)
        places = tf.data.Dataset.range(epochs.start * needed + step // each, epochs.stop * needed)

        def read(place: int) -> list[Any]:
            epoch, window = divmod(int(place), needed)
            rows = windows.indices(window, feeding.seed, epoch, shuffle=feeding.shuffle)
            return self._read(rows[: (steps - window * each) * feeding.batch_size])

        kinds = [(leaf.dtype, leaf.shape[1:]) for leaf in self._read(np.arange(1))]

        def loaded(place: Any) -> Any:
            found = tf.numpy_function(read, [place], [kind for kind, _ in kinds])
            return tuple(
                tf.ensure_shape(leaf, (None, *shape)) for leaf, (_, shape) in zip(found, kinds, strict=True)
            )

        # Stateful layers want batches whose size is known.
        even = feeding.batch_size if self._rows % feeding.batch_size == 0 else None
        found = places.map(loaded).prefetch(1)
        found = found.flat_map(lambda *leaves: _cut_up(leaves, feeding.batch_size, even))
        found = found.skip(step % each).map(lambda *leaves: self._packed(leaves, feeding))
        return found.with_options(pipeline_options()).prefetch(2)

    def _packed(self, leaves: Any, feeding: Feeding) -> Any:
        parts = keras.tree.pack_sequence_as(self._parts, list(leaves))
        return with_class_weights(parts, feeding.class_weights)

    def _read(self, rows: Indices) -> list[Any]:
        """These rows of each column, each run of neighbours in one piece."""
        ordered = np.sort(rows) + self._start
        back = np.argsort(np.argsort(rows))
        cuts = np.flatnonzero(np.diff(ordered) != 1) + 1
        runs = [(run[0], run[-1] + 1) for run in np.split(ordered, cuts)]
        found = [np.concatenate([column[a:b] for a, b in runs])[back] for column in self._columns]
        if self._normalizer is not None:
            found[: self._inputs] = [np.asarray(self._normalizer(leaf)) for leaf in found[: self._inputs]]
        return [leaf.astype(keras.config.floatx()) if leaf.dtype == np.float64 else leaf for leaf in found]

    def numbers(self, feeding: Feeding, epoch: int, step: int) -> Sequence[int]:
        """See Rows."""
        windows = self.windows(feeding.batch_size)
        window, place = divmod(step * feeding.batch_size, windows.window_rows)
        rows = windows.indices(window, feeding.seed, epoch, shuffle=feeding.shuffle)
        return [int(row) for row in rows[place : place + feeding.batch_size]]

    def split(self, fraction: float) -> tuple[Rows, Rows]:
        """See Rows."""
        middle, end = self._start + split_row(self._rows, fraction), self._start + self._rows
        return self._part(self._start, middle), self._part(middle, end)

    def _part(self, start: int, end: int) -> "StreamedRows":
        return StreamedRows(
            self._parts,
            start=start,
            end=end,
            normalizer=self._normalizer,
            window_bytes=self._window_bytes,
        )

    def fingerprint(self) -> Mapping[str, Any]:
        """The columns' shapes and types, and a hash of rows sampled evenly: the whole may be too large to read."""
        sample = np.unique(np.linspace(0, self._rows - 1, _SAMPLED).astype(int)) + self._start
        return {
            "rows": self._rows,
            "start": self._start,
            "sampled_rows": len(sample),
            "arrays": [
                {
                    "shape": list(column.shape),
                    "dtype": str(column.dtype),
                    "sha256": digest(np.stack([column[int(row)] for row in sample])),
                }
                for column in self._columns
            ],
        }


def _cut_up(leaves: Any, size: int, even: int | None) -> Any:
    """A window's batches, all of `even` rows if that is not None; slices along rows are not copied."""
    import tensorflow as tf

    count = -(-tf.shape(leaves[0], tf.int64)[0] // size)

    def batch(place: Any) -> Any:
        found = (leaf[place * size : (place + 1) * size] for leaf in leaves)
        return tuple(tf.ensure_shape(leaf, (even, *leaf.shape[1:])) for leaf in found)

    return tf.data.Dataset.range(count).map(batch)
