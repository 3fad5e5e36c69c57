"""The inputs of several requests as one array."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from horngate.server.worker.engines import Array

VIEWED_FROM_BYTES = 1 << 16
"""To see that arrays lie one behind the other takes as long as to copy so much of each."""


def joined(arrays: Sequence[Array]) -> Array:
    """Arrays one after the other by rows; a view where they lie so in memory, as gateways mostly put large ones.

    The view is valid as long as all of the arrays are held.
    """
    first = arrays[0]
    if len(arrays) == 1:
        return first
    if first.nbytes < VIEWED_FROM_BYTES or not _lie_so(arrays):
        return np.concatenate(arrays)
    rows = sum(len(array) for array in arrays)
    return as_strided(first, (rows, *first.shape[1:]), first.strides, writeable=False)


def _lie_so(arrays: Sequence[Array]) -> bool:
    first = arrays[0]
    expected = first.__array_interface__["data"][0]
    for array in arrays:
        is_like = array.dtype == first.dtype and array.shape[1:] == first.shape[1:]
        if not is_like or not array.flags.c_contiguous or array.__array_interface__["data"][0] != expected:
            return False
        expected += array.nbytes
    return True
