"""Convolutions as operations, with kernels that are weights or constants."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.convolution import depthwise_kernel, slide
from horngate.zoo.convert.layers.transposed_convolution import spread
from horngate.zoo.convert.registry import Refused, converts_operation
from horngate.zoo.convert.weights import as_numpy


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """A convolution's settings as a layer has them."""

    rank: int
    kernel_size: tuple[int, ...]
    filters: int
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str
    output_padding: Any
    data_format: str
    compute_dtype: str


@converts_operation("Conv")
def convolve(graph: Graph, operation: Any, inputs: Value, kernel: Any) -> Value:
    """As many groups as the kernel leaves for the input's channels."""
    array = _weights(kernel)
    settings = _settings(operation, inputs, array)
    axes = (array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))
    weight = graph.weight(array, "kernel", dtype=inputs.dtype, axes=axes)
    groups = _channels(settings, inputs) // array.shape[-2]
    return slide(graph, settings, inputs, weight, channels=settings.filters, groups=groups, bias=None)


@converts_operation("DepthwiseConv")
def convolve_depthwise(graph: Graph, operation: Any, inputs: Value, kernel: Any) -> Value:
    """One group a channel."""
    array = _weights(kernel)
    settings = _settings(operation, inputs, array)
    weight, channels, groups = depthwise_kernel(graph, settings, array)
    return slide(graph, settings, inputs, weight, channels=channels, groups=groups, bias=None)


@converts_operation("SeparableConv")
def convolve_separable(
    graph: Graph, operation: Any, inputs: Value, depthwise_kernel: Any, pointwise_kernel: Any
) -> Value:
    """A depthwise convolution, then a pointwise one."""
    apart = convolve_depthwise(graph, operation, inputs, depthwise_kernel)
    array = _weights(pointwise_kernel)
    once = _settings(operation, inputs, array, strides=1, dilation_rate=1)
    axes = (array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))
    weight = graph.weight(array, "kernel", dtype=inputs.dtype, axes=axes)
    return slide(graph, once, apart, weight, channels=array.shape[-1], groups=1, bias=None)


@converts_operation("ConvTranspose")
def convolve_transposed(graph: Graph, operation: Any, inputs: Value, kernel: Any) -> Value:
    """Kernels are (window…, out, in)."""
    array = _weights(kernel)
    settings = _settings(operation, inputs, array, filters=array.shape[-2])
    return spread(graph, settings, inputs, array, None)


def _weights(kernel: Any) -> np.ndarray[Any, Any]:
    if isinstance(kernel, Value):
        raise Refused("its kernel is computed; expected a weight or a constant")
    return as_numpy(kernel)


def _settings(operation: Any, x: Value, array: np.ndarray[Any, Any], **other: Any) -> _Settings:
    rank = array.ndim - 2
    given = {"strides": operation.strides, "dilation_rate": operation.dilation_rate, **other}
    spread_out = {
        key: (value,) * rank if isinstance(value, int) else tuple(value)
        for key, value in given.items()
        if key != "filters"
    }
    return _Settings(
        rank=rank,
        kernel_size=array.shape[:rank],
        filters=other.get("filters", array.shape[-1]),
        padding=operation.padding,
        output_padding=getattr(operation, "output_padding", None),
        data_format=keras.config.image_data_format()
        if operation.data_format is None
        else operation.data_format,
        compute_dtype=x.dtype,
        **spread_out,
    )


def _channels(settings: _Settings, x: Value) -> int:
    size = x.shape[-1 if settings.data_format == "channels_last" else 1]
    return size or 0
