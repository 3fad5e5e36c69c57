"""Poolings to a fixed number of positions."""

from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts

_AVERAGE = (
    keras.layers.AdaptiveAveragePooling1D,
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveAveragePooling3D,
)
_MAX = (
    keras.layers.AdaptiveMaxPooling1D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.AdaptiveMaxPooling3D,
)


@converts(*_AVERAGE, *_MAX)
def adaptive(graph: Graph, layer: Any, x: Value) -> Value:
    """One axis after the other: bin i of n holds the positions from i/n to (i + 1)/n, the touched ones too."""
    return binned(graph, "ReduceMean" if isinstance(layer, _AVERAGE) else "ReduceMax", x, layer)


def binned(graph: Graph, kind: str, x: Value, layer: Any) -> Value:
    """The same for whatever has a layer's `output_size` and `data_format`."""
    x = graph.plain(x)
    first = 1 if layer.data_format == "channels_last" else 2
    sizes = layer.output_size if isinstance(layer.output_size, tuple | list) else [layer.output_size]
    for axis, bins in enumerate(sizes, start=first):
        x = _binned(graph, kind, x, axis, int(bins))
    return x


def _binned(graph: Graph, kind: str, x: Value, axis: int, bins: int) -> Value:
    size = x.shape[axis]
    if size is None:
        raise Refused("it pools a free axis")
    if size == bins:
        return x
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = []
    for number in range(bins):
        start, end = number * size // bins, -(-(number + 1) * size // bins)
        part = graph.op("Slice", x, graph.ints(start), graph.ints(end), graph.ints(axis), shape=shape)
        parts.append(graph.op(kind, part, graph.ints(axis), shape=shape, keepdims=1))
    return graph.op("Concat", *parts, shape=(*shape[:axis], bins, *shape[axis + 1 :]), axis=axis)
