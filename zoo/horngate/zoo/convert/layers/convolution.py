"""Convolutions of every rank: plain, grouped, depthwise and separable."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.windows import out_channels, padding, spatial
from horngate.zoo.convert.registry import converts
from horngate.zoo.convert.weights import as_numpy


@converts(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
def convolution(graph: Graph, layer: Any, x: Value) -> Value:
    """Kernels are (window…, in / groups, out) in Keras and (out, in / groups, window…) in ONNX."""
    axes = (layer.rank + 1, layer.rank, *range(layer.rank))
    kernel = graph.weight(layer.kernel, "kernel", dtype=layer.compute_dtype, axes=axes)
    y = slide(graph, layer, x, kernel, channels=layer.filters, groups=layer.groups, bias=_bias(graph, layer))
    return graph.activate(layer.activation, y)


@converts(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
def depthwise(graph: Graph, layer: Any, x: Value) -> Value:
    """One group a channel; the outputs of a channel lie side by side."""
    kernel, channels, groups = depthwise_kernel(graph, layer, layer.kernel)
    y = slide(graph, layer, x, kernel, channels=channels, groups=groups, bias=_bias(graph, layer))
    return graph.activate(layer.activation, y)


@converts(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
def separable(graph: Graph, layer: Any, x: Value) -> Value:
    """A depthwise convolution, then a pointwise one that has the bias."""
    kernel, channels, groups = depthwise_kernel(graph, layer, layer.depthwise_kernel)
    y = slide(graph, layer, x, kernel, channels=channels, groups=groups, bias=None)
    axes = (layer.rank + 1, layer.rank, *range(layer.rank))
    pointwise = graph.weight(layer.pointwise_kernel, "pointwise_kernel", dtype=layer.compute_dtype, axes=axes)
    bias = _bias(graph, layer)
    shape = out_channels(y.shape, layer.filters, layer.data_format == "channels_last")
    y = graph.op("Conv", y, pointwise, *([bias] if bias else []), shape=shape)
    return graph.activate(layer.activation, y)


def slide(
    graph: Graph, layer: Any, x: Value, kernel: Value, *, channels: int, groups: int, bias: Value | None
) -> Value:
    """A Conv node with the strides and so on that a layer, or what has its settings, says."""
    last = layer.data_format == "channels_last"
    window = [size for size in kernel.shape[2:] if size is not None]
    x = graph.cast(graph.channels_second(x) if last else graph.plain(x), layer.compute_dtype)
    return graph.op(
        "Conv",
        x,
        kernel,
        *([bias] if bias else []),
        shape=out_channels(x.shape, channels, last),
        group=groups,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        **padding(layer.padding, spatial(x.shape, last), window, layer.strides, layer.dilation_rate),
    )


def _bias(graph: Graph, layer: Any) -> Value | None:
    return graph.weight(layer.bias, "bias", dtype=layer.compute_dtype) if layer.use_bias else None


def depthwise_kernel(graph: Graph, layer: Any, variable: Any) -> tuple[Value, int, int]:
    """The kernel for one group a channel, the number of its outputs, and the number of groups."""
    array = as_numpy(variable)
    *window, groups, multiplier = array.shape
    turned = np.moveaxis(array, (-2, -1), (0, 1)).reshape(groups * multiplier, 1, *window)
    kernel = graph.constant(turned, dtype=layer.compute_dtype, name="depthwise_kernel")
    return kernel, groups * multiplier, groups
