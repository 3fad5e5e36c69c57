"""`HDF5Matrix`, which Keras had until 2.3: a part of a dataset in a file, normalised as it is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class HDF5Matrix:
    """The rows `start` to `end` of a dataset in an HDF5 file, each slice through `normalizer` as it is read.

    It is sliced and indexed like an array, and can stand where a recipe's data or a `numpy` array stands.
    """

    def __init__(
        self,
        datapath: str | Path,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        import h5py

        self._data = h5py.File(datapath, "r")[dataset]
        rows = self._data.shape[0]
        self.start, self.end = start, rows if end is None else end
        if not 0 <= self.start < self.end <= rows:
            raise ValueError(f"start is {start}, end is {end}; expected 0 <= start < end <= {rows} rows")
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            return self._normal(self._data[first + self.start : last + self.start : step])
        if isinstance(key, int | np.integer):
            return self._normal(self._data[range(len(self))[int(key)] + self.start])
        chosen = np.asarray(key)
        unique, back = np.unique(chosen, return_inverse=True)  # h5py wants rising numbers
        return self._normal(self._data[unique + self.start])[back]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self[:], dtype=dtype)

    def _normal(self, rows: Any) -> Any:
        return rows if self.normalizer is None else self.normalizer(rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The rows cut out, and the shape of one as it is read."""
        return (len(self), *np.shape(self._sample()))

    @property
    def dtype(self) -> Any:
        """The type of what is read."""
        return np.asarray(self._sample()).dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The file's own chunks."""
        found: tuple[int, ...] | None = self._data.chunks
        return found

    def _sample(self) -> Any:
        return self[0]

    @property
    def ndim(self) -> int:
        """The number of dimensions, rows among them."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))
