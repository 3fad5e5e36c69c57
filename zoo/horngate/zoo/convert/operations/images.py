"""The functions of `keras.ops.image`, and the windows of `keras.ops.nn`."""

from dataclasses import dataclass
from typing import Any

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.images import resized
from horngate.zoo.convert.layers.pooling import slide
from horngate.zoo.convert.registry import converts_operation


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


def _window(operation: Any, x: Value) -> _Window:
    size = _each_axis(operation.pool_size, x.rank - 2)
    strides = size if operation.strides is None else _each_axis(operation.strides, x.rank - 2)
    return _Window(
        pool_size=size, strides=strides, padding=operation.padding.lower(), data_format=operation.data_format
    )


def _each_axis(setting: Any, count: int) -> tuple[int, ...]:
    return (setting,) * count if isinstance(setting, int) else tuple(setting)
