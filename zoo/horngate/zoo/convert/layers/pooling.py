"""Poolings of every rank, sliding and global."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.windows import out_channels, padding, spatial
from horngate.zoo.convert.registry import converts, masks

_AVERAGE = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D)
_MAX = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D)
_GLOBAL_AVERAGE = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalAveragePooling3D)
_GLOBAL_MAX = (
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)


@converts(*_AVERAGE)
def average(graph: Graph, layer: Any, x: Value) -> Value:
    """The mean of a window; padding does not count."""
    return slide(graph, layer, x, "AveragePool", count_include_pad=0)


@converts(*_MAX)
def maximum(graph: Graph, layer: Any, x: Value) -> Value:
    """The largest of a window."""
    return slide(graph, layer, x, "MaxPool")


@converts(*_GLOBAL_AVERAGE)
def global_average(graph: Graph, layer: Any, x: Value) -> Value:
    """The mean over all positions."""
    return _whole(graph, layer, x, "Mean", "GlobalAveragePool")


@converts(*_GLOBAL_MAX)
def global_maximum(graph: Graph, layer: Any, x: Value) -> Value:
    """The largest over all positions."""
    return _whole(graph, layer, x, "Max", "GlobalMaxPool")


@converts(keras.layers.GlobalAveragePooling1D)
def global_average_1d(graph: Graph, layer: Any, x: Value, mask: Value | None = None) -> Value:
    """The mean over the steps, masked ones left out."""
    if mask is None:
        return _whole(graph, layer, x, "Mean", "GlobalAveragePool")
    x = graph.plain(x)
    steps, channels = (1, 2) if layer.data_format == "channels_last" else (2, 1)
    shape = (x.shape[0], 1, x.shape[2]) if steps == 1 else (x.shape[0], x.shape[1], 1)
    counted = graph.op("Unsqueeze", graph.cast(mask, x.dtype), graph.ints(channels), shape=shape)
    total = graph.op("ReduceSum", graph.op("Mul", x, counted), graph.ints(steps), shape=shape)
    mean = graph.op("Div", total, graph.op("ReduceSum", counted, graph.ints(steps), shape=shape))
    return mean if layer.keepdims else graph.op("Squeeze", mean, graph.ints(steps), shape=_flat(layer, x))


@masks(keras.layers.GlobalAveragePooling1D)
def no_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> None:
    """The steps are gone, and with them the mask."""
    return


def slide(graph: Graph, layer: Any, x: Value, kind: str, **attributes: Any) -> Value:
    """A Pool node with the window that a layer, or what has its settings, says."""
    last = layer.data_format == "channels_last"
    x = graph.channels_second(x) if last else graph.plain(x)
    once = [1] * len(layer.pool_size)
    padding_kind = layer.padding
    if kind == "MaxPool" and padding_kind == "same" and _skips(layer, spatial(x.shape, last)):
        x, padding_kind = _padded(graph, layer, x), "valid"
    return graph.op(
        kind,
        x,
        shape=out_channels(x.shape, x.shape[-1] if last else x.shape[1], last),
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        **padding(padding_kind, spatial(x.shape, last), layer.pool_size, layer.strides, once),
        **attributes,
    )


def _skips(layer: Any, sizes: Sequence[int | None]) -> bool:
    """Whether windows of a free size leave positions out, which ONNX Runtime's own "same" cannot pad."""
    pairs = zip(sizes, layer.pool_size, layer.strides, strict=True)
    return any(size is None and stride > window for size, window, stride in pairs)


def _padded(graph: Graph, layer: Any, x: Value) -> Value:
    """The padding that TensorFlow calls "same", worked out from the sizes as they come."""
    count = len(layer.pool_size)
    one, zero, two = (graph.constant(np.asarray(number, np.int64)) for number in (1, 0, 2))
    sizes = graph.op("Shape", x, shape=(count,), dtype="int64", start=2)
    strides, window = graph.ints(*layer.strides), graph.ints(*layer.pool_size)
    last = graph.op("Mul", graph.op("Div", graph.op("Sub", sizes, one), strides), strides)
    total = graph.op("Max", graph.op("Sub", graph.op("Add", last, window), sizes), zero)
    before = graph.op("Div", total, two)
    after = graph.op("Sub", total, before)
    none = graph.ints(0, 0)
    pads = graph.op("Concat", none, before, none, after, shape=(2 * count + 4,), axis=0)
    low = graph.constant(-np.inf, dtype=x.dtype)
    return graph.op("Pad", x, pads, low, shape=x.shape)


def _whole(graph: Graph, layer: Any, x: Value, reduction: str, pooling: str) -> Value:
    """Channels that are stored second stay so: engines have a fast operator for that."""
    x = graph.plain(x) if _first(layer) else x
    positions = list(range(2, x.rank)) if x.moved or _first(layer) else list(range(1, x.rank - 1))
    if x.moved or _first(layer):
        y = graph.op(pooling, x, shape=_kept(layer, x))
    else:
        y = graph.op(f"Reduce{reduction}", x, graph.ints(*positions), shape=_kept(layer, x), keepdims=1)
    if layer.keepdims:
        return y
    return graph.op("Squeeze", y, graph.ints(*positions), shape=_flat(layer, x), moved=False)


def _first(layer: Any) -> bool:
    return bool(layer.data_format == "channels_first")


def _kept(layer: Any, x: Value) -> tuple[int | None, ...]:
    ones = (1,) * (x.rank - 2)
    return (x.shape[0], x.shape[1], *ones) if _first(layer) else (x.shape[0], *ones, x.shape[-1])


def _flat(layer: Any, x: Value) -> tuple[int | None, ...]:
    return (x.shape[0], x.shape[1] if _first(layer) else x.shape[-1])
