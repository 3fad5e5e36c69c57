"""A free axis made longer, in builders that try whether it may be and in workers that do it."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def lengthened(array: Array, length: int, value: float) -> Array:
    """The array with so many steps, which is its second axis: new ones, of that value, at its end."""
    if array.shape[1] == length:
        return array
    longer = np.full((len(array), length, *array.shape[2:]), value, array.dtype)
    longer[:, : array.shape[1]] = array
    return longer
