"""Which input of a locally connected layer reaches which output, for kernels that are stored for all of both."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def output_sizes(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: str
) -> tuple[int, ...]:
    """The number of places along each axis."""
    if padding == "same":
        return tuple(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
    return tuple(
        (size - window) // stride + 1 for size, window, stride in zip(sizes, kernel, strides, strict=True)
    )


def connected(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    """(inputs, outputs), places flattened: True where the output's window covers the input."""
    places = output_sizes(sizes, kernel, strides, padding)
    mask = np.zeros((*sizes, *places), dtype=bool)
    for place in itertools.product(*map(range, places)):
        windows: tuple[Any, ...] = tuple(_windows(place, sizes, kernel, strides, padding))
        mask[windows + place] = True
    return mask.reshape(int(np.prod(sizes)), int(np.prod(places)))


def _windows(
    place: Sequence[int], sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: str
) -> Iterator[slice]:
    for at, size, window, stride in zip(place, sizes, kernel, strides, strict=True):
        centre = at * stride + (window // 2 if padding == "valid" else 0)
        yield slice(max(0, centre - window // 2), min(size, centre + window - window // 2))


def whole_mask(mask: Array, channels: int, filters: int, *, channels_first: bool) -> Array:
    """The mask with channels and filters, both flattened with the places as the data format has them."""
    if channels_first:
        whole = np.broadcast_to(mask[None, :, None, :], (channels, mask.shape[0], filters, mask.shape[1]))
    else:
        whole = np.broadcast_to(mask[:, None, :, None], (mask.shape[0], channels, mask.shape[1], filters))
    return np.ascontiguousarray(whole).reshape(mask.shape[0] * channels, mask.shape[1] * filters)
