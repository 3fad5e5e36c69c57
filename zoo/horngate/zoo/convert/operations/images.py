"""The functions of `keras.ops.image`, and the windows of `keras.ops.nn`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.adaptive_pooling import binned
from horngate.zoo.convert.layers.images import resized
from horngate.zoo.convert.layers.pooling import slide
from horngate.zoo.convert.layers.windows import out_channels
from horngate.zoo.convert.operations.convolving import convolve
from horngate.zoo.convert.registry import Refused, converts_operation


@dataclass(frozen=True, kw_only=True)
class _Window:
    """A pooling's settings as a layer has them."""

    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str


@converts_operation("Resize")
def resize(graph: Graph, operation: Any, images: Value) -> Value:
    """A fixed size, whatever the input's."""
    height, width = operation.size
    return resized(graph, operation, images, (int(height), int(width)))


@converts_operation("MaxPool")
def max_pool(graph: Graph, operation: Any, inputs: Value) -> Value:
    """The largest of a window."""
    return slide(graph, _window(operation, inputs), inputs, "MaxPool")


@converts_operation("AveragePool")
def average_pool(graph: Graph, operation: Any, inputs: Value) -> Value:
    """The mean of a window; padding does not count."""
    return slide(graph, _window(operation, inputs), inputs, "AveragePool", count_include_pad=0)


@converts_operation("AdaptiveAveragePool", "AdaptiveMaxPool")
def adaptive_pool(graph: Graph, operation: Any, inputs: Value) -> Value:
    """As many positions as said."""
    kind = "ReduceMax" if type(operation).__name__ == "AdaptiveMaxPool" else "ReduceMean"
    return binned(graph, kind, inputs, operation)


@converts_operation("DepthToSpace", "SpaceToDepth")
def depth(graph: Graph, operation: Any, x: Value) -> Value:
    """Blocks of positions as channels, or the other way round."""
    kind = type(operation).__name__
    last = operation.data_format == "channels_last"
    block = operation.block_size
    x = graph.channels_second(x) if last else graph.plain(x)
    channels = x.shape[-1] if last else x.shape[1]
    factor = block * block
    if channels is None or not last:
        raise Refused(f"channels {channels} of {operation.data_format}")
    made = channels // factor if kind == "DepthToSpace" else channels * factor
    shape = out_channels(x.shape, made, last)
    if kind == "DepthToSpace":
        return graph.op(kind, x, shape=shape, blocksize=block, mode="DCR")
    return graph.op(kind, x, shape=shape, blocksize=block)


@converts_operation("ExtractPatches")
def patches(graph: Graph, operation: Any, images: Value) -> Value:
    """Each window's values as channels: a convolution with a kernel of ones and zeros."""
    channels = images.shape[-1 if operation.data_format == "channels_last" else 1]
    if channels is None or len(operation.size) != images.rank - 2:
        raise Refused(f"patches of {operation.size} of a tensor of shape {images.shape}")
    values = int(np.prod(operation.size)) * channels
    kernel = np.eye(values, dtype="float32").reshape(*operation.size, channels, values)
    return convolve(graph, operation, images, kernel)


@converts_operation("RGBToGrayscale")
def grayscale(graph: Graph, operation: Any, images: Value) -> Value:
    """Red, green and blue weighted as the eye does."""
    axis = images.rank - 1 if operation.data_format == "channels_last" else images.rank - 3
    if not images.dtype.startswith("float"):
        raise Refused(f"gray of {images.dtype}")
    across = [1] * images.rank
    across[axis] = 3
    weights = graph.constant(np.reshape([0.2989, 0.5870, 0.1140], across), dtype=images.dtype)
    images = graph.plain(images)
    shape = tuple(1 if place == axis else size for place, size in enumerate(images.shape))
    return graph.op("ReduceSum", graph.op("Mul", images, weights), graph.ints(axis), shape=shape)


@converts_operation("PadImages", "CropImages")
def framed(graph: Graph, operation: Any, images: Value) -> Value:
    """Zeros around an image, or less of it."""
    first = images.rank - 3 if operation.data_format == "channels_last" else images.rank - 2
    images = graph.plain(images)
    sizes = [images.shape[first], images.shape[first + 1]]
    if None in sizes:
        raise Refused(f"a frame around an image of a free size {images.shape}")
    edges = _edges(operation, [size or 0 for size in sizes])
    sign = 1 if type(operation).__name__ == "PadImages" else -1
    pads = np.zeros((images.rank, 2), np.int64)
    pads[first : first + 2] = sign * np.asarray(edges)
    grown = pads.sum(axis=1).tolist()
    shape = tuple(
        None if size is None else size + more for size, more in zip(images.shape, grown, strict=True)
    )
    return graph.op("Pad", images, graph.ints(*pads.T.ravel().tolist()), shape=shape)


def _edges(operation: Any, sizes: list[int]) -> list[list[int]]:
    """Above and below, left and right; one of each pair follows from the target's size if it is not given."""
    suffix = "padding" if type(operation).__name__ == "PadImages" else "cropping"
    edges = []
    sides = (("top", "bottom", "target_height"), ("left", "right", "target_width"))
    for (before, after, wanted), size in zip(sides, sizes, strict=True):
        head, tail = getattr(operation, f"{before}_{suffix}"), getattr(operation, f"{after}_{suffix}")
        target = getattr(operation, wanted)
        change = None if target is None else abs(target - size)
        head = change - tail if head is None and change is not None else head
        tail = change - head if tail is None and change is not None else tail
        edges.append([int(head), int(tail)])
    return edges


def _window(operation: Any, x: Value) -> _Window:
    size = _each_axis(operation.pool_size, x.rank - 2)
    strides = size if operation.strides is None else _each_axis(operation.strides, x.rank - 2)
    return _Window(
        pool_size=size, strides=strides, padding=operation.padding.lower(), data_format=operation.data_format
    )


def _each_axis(setting: Any, count: int) -> tuple[int, ...]:
    return (setting,) * count if isinstance(setting, int) else tuple(setting)
