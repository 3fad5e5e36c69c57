"""Zeros added around, positions cut off."""

from collections.abc import Sequence
from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import converts

_END = 2**31 - 1
"""What ONNX takes for the end of an axis."""


@converts(keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D)
def zero_padding(graph: Graph, layer: Any, x: Value) -> Value:
    """Zeros before and after each spatial axis."""
    pairs = _pairs(layer.padding)
    x = _as_stored(graph, layer, x)
    first = _first_axis(layer, x)
    after_channels = x.rank - first - len(pairs)
    before = [0] * first + [pair[0] for pair in pairs] + [0] * after_channels
    after = [0] * first + [pair[1] for pair in pairs] + [0] * after_channels
    return graph.op("Pad", x, graph.ints(*before, *after), shape=_free(layer, x))


@converts(keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Cropping3D)
def cropping(graph: Graph, layer: Any, x: Value) -> Value:
    """Positions cut off before and after each spatial axis."""
    pairs = _pairs(layer.cropping)
    x = _as_stored(graph, layer, x)
    first = _first_axis(layer, x)
    starts = graph.ints(*(pair[0] for pair in pairs))
    ends = graph.ints(*(-pair[1] if pair[1] else _END for pair in pairs))
    axes = graph.ints(*range(first, first + len(pairs)))
    return graph.op("Slice", x, starts, ends, axes, shape=_free(layer, x))


def _pairs(setting: Sequence[Any]) -> list[tuple[int, int]]:
    """Before and after, for each spatial axis; one axis has its pair alone."""
    if isinstance(setting[0], int):
        return [(int(setting[0]), int(setting[1]))]
    return [(int(before), int(after)) for before, after in setting]


def _as_stored(graph: Graph, layer: Any, x: Value) -> Value:
    """Channels that are stored second stay so, if the layer means those channels."""
    return graph.plain(x) if _channels_first(layer) else x


def _channels_first(layer: Any) -> bool:
    return bool(getattr(layer, "data_format", None) == "channels_first")


def _first_axis(layer: Any, x: Value) -> int:
    """Where the spatial axes begin in the engine's tensor."""
    return 2 if x.moved or _channels_first(layer) else 1


def _free(layer: Any, x: Value) -> tuple[int | None, ...]:
    free = (None,) * (x.rank - 2)
    if _channels_first(layer):
        return (*x.shape[:2], *free)
    return (x.shape[0], *free, x.shape[-1])
