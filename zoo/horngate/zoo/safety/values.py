"""Weights that are no numbers."""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.findings import Danger, Finding

_SLICE_BYTES = 16 * 2**20


def examine_values(file: Any) -> Iterator[Finding]:
    """Each dataset of an open, examined h5py File that holds NaN or infinity; not a reason to refuse it."""
    import h5py

    found: list[Finding] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            count = _not_finite(item)
            if count:
                found.append(_finding(name, count, item.size))

    file.visititems(look)
    return iter(found)


def _finding(name: str, count: int, size: int) -> Finding:
    return Finding(
        danger=Danger.VALUE,
        where=f"dataset '/{name}'",
        what=f"holds {count:,} NaN or infinite numbers of {size:,}",
        remedy="predictions may be NaN: was the training stopped after it diverged?",
        refused=False,
    )


def _not_finite(item: Any) -> int:
    import numpy as np

    if item.shape == ():
        return int(not np.isfinite(item[()]))
    rows = max(1, _SLICE_BYTES // max(1, item.dtype.itemsize * item.size // item.shape[0] or 1))
    parts = (item[start : start + rows] for start in range(0, item.shape[0], rows))
    return sum(int(part.size - np.count_nonzero(np.isfinite(part))) for part in parts)
