"""Images whose histograms are equalized tile by tile."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import clip, scalar
from horngate.zoo.convert.registry import Refused, converts

_SHADES = 256


@converts(keras.layers.ContrastLimitedAdaptiveHistogramEqualization)
def contrast_limited(graph: Graph, layer: Any, x: Value) -> Value:
    """Each pixel's rank among the pixels of its tile, between the four tiles whose centres are nearest.

    Values that the rank of a shade comes from are looked up row by row, so that rows stay apart.
    """
    x = graph.plain(x)
    first = layer.data_format == "channels_first"
    images = graph.op("Transpose", x, shape=_turned(x.shape), perm=[0, 2, 3, 1]) if first else x
    if x.rank != 4 or None in images.shape[1:]:
        raise Refused(f"it needs images of one size; received {x.shape}")
    low, high = layer.value_range
    images = _between(graph, graph.cast(images, "float32"), (low, high), (0, 255))
    equal = _between(graph, _equalized(graph, layer, images), (0, 255), (low, high))
    equal = graph.cast(equal, x.dtype)
    return graph.op("Transpose", equal, shape=x.shape, perm=[0, 3, 1, 2]) if first else equal


def _turned(shape: Any) -> tuple[int | None, ...]:
    return (shape[0], *shape[2:], shape[1])


def _between(graph: Graph, x: Value, have: tuple[float, float], want: tuple[float, float]) -> Value:
    """From one range of values to another, in the steps that Keras takes."""
    if tuple(have) == tuple(want):
        return x
    x = graph.op("Div", graph.op("Sub", x, scalar(graph, have[0], x)), scalar(graph, have[1] - have[0], x))
    return graph.op("Add", graph.op("Mul", x, scalar(graph, want[1] - want[0], x)), scalar(graph, want[0], x))


def _equalized(graph: Graph, layer: Any, x: Value) -> Value:
    height, width, _ = sizes = [size or 0 for size in x.shape[1:]]
    grid = tuple(layer.tile_grid_size)
    tile = tuple(-(-size // count) for size, count in zip(sizes, grid, strict=False))
    padded = x
    for axis, size in ((1, height), (2, width)):
        padded = _mirrored(graph, padded, axis, size, grid[axis - 1] * tile[axis - 1] - size)
    shades = graph.cast(clip(graph, padded, 0, 255), "int64")
    ranks = _ranks(graph, _histograms(graph, shades, grid, tile, layer.clip_limit), tile[0] * tile[1])
    result = _looked_up(graph, _edged(graph, ranks), shades, grid, tile)
    ends = graph.ints(height, width)
    return graph.op("Slice", result, graph.ints(0, 0), ends, graph.ints(1, 2), shape=x.shape)


def _mirrored(graph: Graph, x: Value, axis: int, size: int, more: int) -> Value:
    """The last positions of an axis once more, in reverse order."""
    if not more:
        return x
    places = np.pad(np.arange(size), (0, more), mode="symmetric")
    shape = (*x.shape[:axis], size + more, *x.shape[axis + 1 :])
    return graph.op("Gather", x, graph.ints(*places.tolist()), shape=shape, axis=axis)


def _histograms(
    graph: Graph, shades: Value, grid: tuple[int, ...], tile: tuple[int, ...], limit: float
) -> Value:
    """(rows, grid, grid, channels, shades): how often each shade is in each tile, the excess spread over all."""
    channels = shades.shape[3] or 0
    split = (grid[0], tile[0], grid[1], tile[1], channels)
    tiles = graph.op("Reshape", shades, graph.ints(0, *split), shape=(None, *split))
    order = (None, grid[0], grid[1], channels, tile[0], tile[1])
    tiles = graph.op("Transpose", tiles, shape=order, perm=[0, 1, 3, 5, 2, 4])
    flat = (grid[0], grid[1], channels, tile[0] * tile[1])
    tiles = graph.op("Reshape", tiles, graph.ints(0, *flat), shape=(None, *flat))
    values = graph.constant([0.0, 1.0], dtype="float32")
    depth = graph.constant(np.asarray(_SHADES), dtype="int64")
    hot = graph.op("OneHot", tiles, depth, values, shape=(None, *flat, _SHADES), dtype="float32", axis=-1)
    counts = (None, *flat[:3], _SHADES)
    counted = graph.op("ReduceSum", hot, graph.ints(-2), shape=counts, keepdims=0)
    if limit <= 0:
        return counted
    clipped = clip(graph, counted, 0, limit * (tile[0] * tile[1]) / _SHADES)
    excess = graph.op("ReduceSum", graph.op("Sub", counted, clipped), graph.ints(-1), shape=(*counts[:4], 1))
    return graph.op("Add", clipped, graph.op("Div", excess, scalar(graph, _SHADES, excess)), shape=counts)


def _ranks(graph: Graph, histograms: Value, pixels: int) -> Value:
    """Each shade's rank, from 0 to 255."""
    summed = graph.op("CumSum", histograms, graph.constant(np.asarray(-1, np.int64)))
    least = graph.op("ReduceMin", summed, graph.ints(-1), shape=(*summed.shape[:4], 1))
    spread = graph.op("Sub", scalar(graph, pixels, summed), least, shape=least.shape)
    nothing = graph.op("Equal", spread, scalar(graph, 0, spread), dtype="bool")
    spread = graph.op("Where", nothing, scalar(graph, 1, spread), spread, shape=least.shape, dtype="float32")
    above = graph.op("Mul", graph.op("Sub", summed, least), scalar(graph, 255, summed))
    return clip(graph, graph.op("Div", above, spread), 0, 255)


def _edged(graph: Graph, ranks: Value) -> Value:
    """The outer tiles once more around the grid."""
    for axis in (1, 2):
        count = ranks.shape[axis] or 0
        places = [0, *range(count), count - 1]
        shape = (*ranks.shape[:axis], count + 2, *ranks.shape[axis + 1 :])
        ranks = graph.op("Gather", ranks, graph.ints(*places), shape=shape, axis=axis)
    return ranks


def _looked_up(
    graph: Graph, ranks: Value, shades: Value, grid: tuple[int, ...], tile: tuple[int, ...]
) -> Value:
    """Each pixel's shade ranked in the four tiles around it, weighed by how near they are."""
    height, width, channels = (size or 0 for size in shades.shape[1:])
    table = graph.op("Reshape", ranks, graph.ints(0, -1), shape=(None, None))
    flat = graph.op("Reshape", shades, graph.ints(0, -1), shape=(None, None))
    (top, bottom, down), (left, right, across) = (
        _neighbours(count, size) for count, size in zip(grid, tile, strict=True)
    )

    def of(vertical: Any, horizontal: Any) -> Value:
        cells = (vertical[:, None, None] * (grid[1] + 2) + horizontal[None, :, None]) * channels
        starts = (cells + np.arange(channels)) * _SHADES
        wanted = graph.op("Add", flat, graph.constant(starts.reshape(1, -1), dtype="int64"), shape=flat.shape)
        found = graph.op("GatherElements", table, wanted, shape=wanted.shape, axis=1)
        sizes = (height, width, channels)
        return graph.op("Reshape", found, graph.ints(0, *sizes), shape=(None, *sizes))

    upper = _weighed(graph, of(top, left), of(top, right), across[None, None, :, None])
    lower = _weighed(graph, of(bottom, left), of(bottom, right), across[None, None, :, None])
    return _weighed(graph, upper, lower, down[None, :, None, None])


def _neighbours(count: int, size: int) -> tuple[Any, Any, Any]:
    """For each position: the edged tile before it, the one after it, and how far it is from the first."""
    places = (np.arange(count * size, dtype="f4") - np.float32(size / 2)) / np.float32(size) + np.float32(1)
    before = np.floor(places)
    near, far = (np.clip(one, 0, count + 1).astype("i8") for one in (before, before + 1))
    return near, far, places - before


def _weighed(graph: Graph, one: Value, other: Value, share: Any) -> Value:
    left = graph.op("Mul", one, graph.constant(1 - share, dtype="float32"))
    right = graph.op("Mul", other, graph.constant(share, dtype="float32"))
    return graph.op("Add", left, right)
