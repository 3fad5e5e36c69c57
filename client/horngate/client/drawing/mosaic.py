"""Feature maps side by side in one array of pixels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgba

from horngate.client.drawing.palette import BAND
from horngate.client.tensors import Array

COLOURS = "magma"
_SIDE_PIXELS = 48
"""Small maps are enlarged to about this, so that the gaps between them are thin."""


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """`pixels` is (height, width, 4) in [0, 1]; `corners` has, by channel, the (x, y) of its map's first pixel."""

    pixels: Array
    corners: dict[int, tuple[int, int]]


def mosaic(values: Array, most: int, aspect: float = 2.2) -> Mosaic:
    """The maps of (height, width, channels) values, each in its own scale; at most so many: those that vary most.

    A map that is the same everywhere is grey. The mosaic is about `aspect` times as wide as high.
    """
    spread = values.std(axis=(0, 1))
    channels = sorted(np.argsort(-spread, kind="stable")[:most].tolist())
    times = max(1, round(_SIDE_PIXELS / max(values.shape[:2])))
    maps = [_painted(values[..., channel]).repeat(times, 0).repeat(times, 1) for channel in channels]
    high, wide, _ = maps[0].shape
    columns = _columns(len(maps), aspect * high / wide)
    gap = max(1, round(min(high, wide) * 0.05))
    lines = math.ceil(len(maps) / columns)
    pixels = np.ones((lines * (high + gap) - gap, columns * (wide + gap) - gap, 4))
    corners = {}
    for place, (channel, painted) in enumerate(zip(channels, maps, strict=True)):
        top, left = place // columns * (high + gap), place % columns * (wide + gap)
        pixels[top : top + high, left : left + wide] = painted
        corners[channel] = (left, top)
    return Mosaic(pixels=pixels, corners=corners)


def _columns(count: int, aspect: float) -> int:
    """About as many that the aspect comes out; of those, the number that leaves the last line fullest."""
    about = max(4, math.ceil(math.sqrt(count * aspect)))
    if count <= about:
        return count
    return min(range(about, min(count, about * 3 // 2) + 1), key=lambda columns: (-count % columns, columns))


def _painted(values: Array) -> Array:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.full((*values.shape, 4), to_rgba(BAND))
    painted: np.ndarray[Any, Any] = colormaps[COLOURS]((values.astype(np.float64) - low) / (high - low))
    return painted
