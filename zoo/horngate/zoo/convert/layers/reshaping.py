"""Layers that rearrange a tensor."""

from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.images import Ways, resized
from horngate.zoo.convert.registry import Refused, converts


@converts(keras.layers.Flatten)
def flatten(graph: Graph, layer: Any, x: Value) -> Value:
    """All but the rows in one axis, channels last whatever the data format."""
    first = layer.data_format == "channels_first"
    x = graph.plain(x) if first else graph.in_order(x)
    if first and x.rank > 1:
        axes = (0, *range(2, x.rank), 1)
        x = graph.op("Transpose", x, shape=tuple(x.shape[axis] for axis in axes), perm=axes)
    return reshape_rows(graph, x, (-1,))


@converts(keras.layers.Reshape)
def reshape(graph: Graph, layer: Any, x: Value) -> Value:
    """Another shape for each row."""
    target = tuple(layer.target_shape)
    if x.rank == 2 and len(target) > 1 and set(target[:-1]) == {1} and target[-1] > 0:
        # A vector as one pixel, as squeeze-and-excitation has it: the channels can go second at once.
        return graph.op(
            "Reshape", x, graph.ints(0, target[-1], *target[:-1]), shape=(x.shape[0], *target), moved=True
        )
    return reshape_rows(graph, graph.in_order(x), target)


@converts(keras.layers.Permute)
def permute(graph: Graph, layer: Any, x: Value) -> Value:
    """Each row's axes in another order."""
    axes = (0, *layer.dims)
    x = graph.plain(x)
    return graph.op("Transpose", x, shape=tuple(x.shape[axis] for axis in axes), perm=axes)


@converts(keras.layers.RepeatVector)
def repeat_vector(graph: Graph, layer: Any, x: Value) -> Value:
    """Each row's vector, n times."""
    once = graph.op("Unsqueeze", x, graph.ints(1), shape=(x.shape[0], 1, x.shape[1]))
    return graph.op("Tile", once, graph.ints(1, layer.n, 1), shape=(x.shape[0], layer.n, x.shape[1]))


@converts(keras.layers.UpSampling1D)
def upsampling_1d(graph: Graph, layer: Any, x: Value) -> Value:
    """Each step, `size` times in a row."""
    x = graph.plain(x)
    if x.shape[2] is None:
        raise Refused("the number of features is free")
    apart = graph.op("Unsqueeze", x, graph.ints(2), shape=(*x.shape[:2], 1, x.shape[2]))
    apart = graph.op("Tile", apart, graph.ints(1, 1, layer.size, 1))
    return graph.op("Reshape", apart, graph.ints(0, -1, x.shape[2]), shape=(x.shape[0], None, x.shape[2]))


@converts(keras.layers.UpSampling2D, keras.layers.UpSampling3D)
def upsampling(graph: Graph, layer: Any, x: Value) -> Value:
    """Every position repeated, or (2D) interpolated between the centres of pixels."""
    way = getattr(layer, "interpolation", "nearest")
    if way not in ("nearest", "bilinear"):
        return _weighted(graph, layer, x)
    last = layer.data_format == "channels_last"
    x = graph.channels_second(x) if last else graph.plain(x)
    scales = graph.constant([1.0, 1.0, *layer.size], dtype="float32", name="scales")
    free = (None,) * (x.rank - 2)
    shape = (x.shape[0], *free, x.shape[-1]) if last else (*x.shape[:2], *free)
    if way == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.op("Resize", x, None, scales, shape=shape, **how)


def _weighted(graph: Graph, layer: Any, x: Value) -> Value:
    """Interpolated with weights that Keras itself gives, for a size that is known."""
    first = 1 if layer.data_format == "channels_last" else 2
    sizes = x.shape[first : first + 2]
    wanted = [size * times for size, times in zip(sizes, layer.size, strict=True) if size is not None]
    if len(wanted) < 2:
        raise Refused(f"{layer.interpolation} interpolation of a free size")
    ways = Ways(data_format=layer.data_format, interpolation=layer.interpolation)
    return resized(graph, ways, x, (wanted[0], wanted[1]))


def reshape_rows(graph: Graph, x: Value, target: tuple[int, ...]) -> Value:
    """Reshape each row; one size may be -1. Rows stay as many as they are."""
    shape = (x.shape[0], *(None if size == -1 else size for size in target))
    if 0 in target:
        raise Refused(f"a row of shape {target} is empty")
    return graph.op("Reshape", x, graph.ints(0, *target), shape=shape)
