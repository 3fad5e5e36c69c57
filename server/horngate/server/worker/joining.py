"""The inputs of several requests as one array."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import as_strided

from horngate.server.worker.engines import Array

VIEWED_FROM_BYTES = 1 << 16
"""To see that arrays lie one behind the other takes as long as to copy so much of each."""

HANDED_OVER_BYTES = 1 << 19
"""Copies of so many bytes are worth handing the interpreter over for: others have their turn meanwhile."""

NUMBERS = "biuf"
"""NumPy's kinds that are nothing but their bytes, and that it lets others see as such."""


def joined(arrays: Sequence[Array]) -> Array:
    """Arrays one after the other by rows; a view where they lie so in memory, as gateways mostly put large ones.

    The view is valid as long as all of the arrays are held.
    """
    first = arrays[0]
    if len(arrays) == 1:
        return first
    if first.nbytes < VIEWED_FROM_BYTES or not _are_alike(arrays):
        return np.concatenate(arrays)
    shape = (sum(len(array) for array in arrays), *first.shape[1:])
    if _lie_so(arrays):
        return as_strided(first, shape, first.strides, writeable=False)
    is_long = sum(array.nbytes for array in arrays) >= HANDED_OVER_BYTES * len(arrays)
    if is_long or first.dtype.kind not in NUMBERS:
        return np.concatenate(arrays)
    # NumPy hands the interpreter over for each copy, and gets it back when others have had their turn.
    return np.frombuffer(b"".join(cast(Sequence[Any], arrays)), first.dtype).reshape(shape)


def _are_alike(arrays: Sequence[Array]) -> bool:
    """Whether they are of one type and shape but for the rows, with nothing between their elements."""
    dtype, row = arrays[0].dtype, arrays[0].shape[1:]
    return all(
        array.dtype == dtype and array.shape[1:] == row and array.flags.c_contiguous for array in arrays
    )


def _lie_so(arrays: Sequence[Array]) -> bool:
    expected = arrays[0].__array_interface__["data"][0]
    for array in arrays:
        if array.__array_interface__["data"][0] != expected:
            return False
        expected += array.nbytes
    return True
