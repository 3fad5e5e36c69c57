"""Rows that stay in their file: read while training, a window at a time, in the background."""

import atexit
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from horngate.training.data.feeding import Feeding, Rows
from horngate.training.data.lending import Array, Lending
from horngate.training.data.memory import pipeline_options
from horngate.training.data.order import Indices, Windows
from horngate.training.data.structure import as_parts, digest, row_count, split_row, with_class_weights

WINDOW_BYTES = 64 << 20
"""What one window holds at most. Up to three are in memory: in use, waiting, being read."""
_PIECE_BYTES = 1 << 20
"""What is read at a time from a long run of rows: less than a processor's cache."""
_BLOCK_ROWS = 16
"""Rows of a block where the file itself has no chunks."""
_SAMPLED = 64
_PATIENCE_S, _SETTLED_S = 30.0, 0.05
_READING, _used, _ended = threading.Lock(), threading.Event(), threading.Event()


@atexit.register
def _end() -> None:
    """Have TensorFlow's threads out of Python before the interpreter ends, which stops them where they are.

    One that has h5py's lock would keep it, and the process would wait for it for ever. From here on they are
    refused, which fills their queues, so that they ask no more.
    """
    held = _READING.acquire(timeout=_PATIENCE_S)
    _ended.set()
    if held:
        _READING.release()
    if _used.is_set():
        time.sleep(_SETTLED_S)


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
        row_bytes = sum(column.dtype.itemsize * int(np.prod(column.shape[1:])) for column in self._columns)
        self._row_bytes = max(1, row_bytes)
        chunks = getattr(self._columns[0], "chunks", None)
        self._chunk_rows: int = chunks[0] if chunks else _BLOCK_ROWS
        # Whole chunks, so that none is read twice.
        self._piece_rows = self._chunk_rows * max(1, _PIECE_BYTES // (self._chunk_rows * self._row_bytes))

    def __len__(self) -> int:
        return self._rows

    def steps(self, feeding: Feeding) -> int:
        """Batches an epoch."""
        return feeding.steps(self._rows)

    def windows(self, batch_size: int) -> Windows:
        """How the rows are cut: windows of the memory allowed, blocks of the file's own chunks."""
        batches = max(1, self._window_bytes // (self._row_bytes * batch_size))
        window_rows = min(batches, -(-self._rows // batch_size)) * batch_size
        # A window of few blocks is shuffled badly: large chunks are read in parts.
        block_rows = min(self._chunk_rows, max(1, window_rows // _SAMPLED))
        return Windows(rows=self._rows, block_rows=block_rows, window_rows=window_rows)

    def batches(self, feeding: Feeding, epochs: range, step: int = 0) -> Any:
        """See Rows."""
        import tensorflow as tf

        windows, steps = self.windows(feeding.batch_size), self.steps(feeding)
        each = windows.window_rows // feeding.batch_size
        needed = -(-steps // each)
        places = tf.data.Dataset.range(epochs.start * needed + step // each, epochs.stop * needed)
        first = [column[self._start : self._start + 1] for column in self._columns]
        memory = [Lending((windows.window_rows, *row.shape[1:]), row.dtype) for row in first]

        def read(place: int) -> list[Any]:
            epoch, window = divmod(int(place), needed)
            rows = windows.indices(window, feeding.seed, epoch, shuffle=feeding.shuffle)
            with _READING:
                _used.set()
                if _ended.is_set():
                    raise RuntimeError("no rows are read any more: the process ends")
                return self._read(rows[: (steps - window * each) * feeding.batch_size], memory)

        kinds = [(leaf.dtype, leaf.shape[1:]) for leaf in self._fed(first)]

        def loaded(place: Any) -> Any:
            found = tf.numpy_function(read, [place], [kind for kind, _ in kinds])
            return tuple(
                tf.ensure_shape(leaf, (None, *shape)) for leaf, (_, shape) in zip(found, kinds, strict=True)
            )

        found = places.map(loaded).prefetch(1).flat_map(lambda *leaves: self._cut_up(leaves, feeding))
        return found.skip(step % each).with_options(pipeline_options()).prefetch(2)

    def _cut_up(self, leaves: Any, feeding: Feeding) -> Any:
        """A window's batches; slices along rows are not copied."""
        import tensorflow as tf

        size = feeding.batch_size
        count = -(-tf.shape(leaves[0], tf.int64)[0] // size)
        # Stateful layers want batches whose size is known.
        even = size if self._rows % size == 0 else None

        def batch(place: Any) -> Any:
            cut = (leaf[place * size : (place + 1) * size] for leaf in leaves)
            known = [tf.ensure_shape(leaf, (even, *leaf.shape[1:])) for leaf in cut]
            parts = keras.tree.pack_sequence_as(self._parts, known)
            return with_class_weights(parts, feeding.class_weights)

        return tf.data.Dataset.range(count).map(batch)

    def _read(self, rows: Indices, memory: Sequence[Lending]) -> list[Array]:
        """These rows, each run of neighbours in pieces that are put into their places while the cache has them."""
        found = [lending.lend()[: len(rows)] for lending in memory]
        places = np.argsort(rows)
        ordered = rows[places] + self._start
        cuts = np.flatnonzero((np.diff(ordered) != 1) | (ordered[1:] % self._piece_rows == 0)) + 1
        for some in np.split(places, cuts):
            piece = slice(rows[some[0]] + self._start, rows[some[-1]] + self._start + 1)
            for column, leaf in zip(self._columns, found, strict=True):
                leaf[some] = column[piece]
        return self._fed(found)

    def _fed(self, leaves: Sequence[Array]) -> list[Array]:
        """The columns' rows, as they are fed."""
        found = list(leaves)
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
