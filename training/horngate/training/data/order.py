"""The order of an epoch's rows: a pure function of the seed and the epoch, so that a run can go on anywhere."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Indices = np.ndarray[Any, np.dtype[np.int64]]


def shuffled(seed: int, epoch: int, rows: int) -> Indices:
    """All rows, each order as likely as any other."""
    return np.random.default_rng((seed, epoch)).permutation(rows)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """An order for rows that are read in blocks: blocks scattered over the file are mixed in a window of memory.

    The blocks are shuffled, cut into windows of `window_rows`, and the rows of a window are shuffled. A window is
    read in at most `window_rows / block_rows + 1` pieces. `window_rows` is a multiple of the batch size, so that
    a batch lies in one window.
    """

    rows: int
    block_rows: int
    window_rows: int

    def __len__(self) -> int:
        return -(-self.rows // self.window_rows)

    def indices(self, window: int, seed: int, epoch: int, *, shuffle: bool) -> Indices:
        """The rows of one window, in the order in which they are fed."""
        first = window * self.window_rows
        last = min(first + self.window_rows, self.rows)
        if not shuffle:
            return np.arange(first, last)
        random = np.random.default_rng((seed, epoch))
        inside = self._rows_between(random.permutation(-(-self.rows // self.block_rows)), first, last)
        return np.random.default_rng((seed, epoch, window)).permutation(inside)

    def _rows_between(self, blocks: Indices, first: int, last: int) -> Indices:
        """The rows at places `first` to `last` when the blocks are laid out in this order."""
        starts = blocks * self.block_rows
        sizes = np.minimum(self.block_rows, self.rows - starts)
        ends = np.cumsum(sizes)
        one, other = np.searchsorted(ends, (first, last - 1), side="right")
        laid_out = np.concatenate([np.arange(starts[i], starts[i] + sizes[i]) for i in range(one, other + 1)])
        skipped = first - (ends[one] - sizes[one])
        return laid_out[skipped : skipped + last - first]


def mixing(order: Indices, batch_size: int) -> float:
    """How evenly batches draw from the whole file: 1 for a perfect shuffle, the batch size for none at all.

    The variance of the batches' mean position in the file, over the variance that batches drawn at random have.
    """
    rows = len(order)
    full = rows // batch_size * batch_size
    means = (order[:full] / rows).reshape(-1, batch_size).mean(axis=1)
    expected = (rows - batch_size) / (rows - 1) / batch_size / 12
    return float(((means - 0.5) ** 2).mean() / expected)
