"""Arrays whose memory is used again and again."""

import weakref
from collections import deque
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_ALIGNED_BYTES = 64
"""TensorFlow takes an array that begins at a multiple of it as it is, and copies any other."""


class Lending:
    """Lends arrays of one shape and type; what nobody holds any more, nor a view of it, is lent again.

    Memory that is new to the process costs more than reading into it, since the system clears each page. There are
    as many arrays as were ever held at one time. May be used by any thread.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape = shape
        self._dtype = dtype
        self._free: deque[bytearray] = deque()

    def lend(self) -> Array:
        """An array of anything."""
        if self._dtype.hasobject:
            return np.empty(self._shape, self._dtype)
        try:
            memory = self._free.pop()
        except IndexError:
            memory = bytearray(int(np.prod(self._shape)) * self._dtype.itemsize + _ALIGNED_BYTES)
        # Views of an array whose memory is no array have it as their base: it is gone when the last of them is.
        first = -np.frombuffer(memory, "uint8").ctypes.data % _ALIGNED_BYTES
        array: Array = np.ndarray(self._shape, self._dtype, memory, first)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array
