"""Transposed convolutions of every rank."""

from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.windows import out_channels
from horngate.zoo.convert.registry import Refused, converts


@converts(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
def transposed_convolution(graph: Graph, layer: Any, x: Value) -> Value:
    """Kernels are (window…, out, in) in Keras and (in, out, window…) in ONNX."""
    bias = graph.weight(layer.bias, "bias", dtype=layer.compute_dtype) if layer.use_bias else None
    return graph.activate(layer.activation, spread(graph, layer, x, layer.kernel, bias))


def spread(graph: Graph, layer: Any, x: Value, weight: Any, bias: Value | None) -> Value:
    """A ConvTranspose node with the strides and so on that a layer, or what has its settings, says."""
    last = layer.data_format == "channels_last"
    axes = (layer.rank + 1, layer.rank, *range(layer.rank))
    kernel = graph.weight(weight, "kernel", dtype=layer.compute_dtype, axes=axes)
    x = graph.cast(graph.channels_second(x) if last else graph.plain(x), layer.compute_dtype)
    crops = [_crop(layer, axis) for axis in range(layer.rank)]
    return graph.op(
        "ConvTranspose",
        x,
        kernel,
        *([bias] if bias else []),
        shape=out_channels(x.shape, layer.filters, last),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        pads=[before for before, _ in crops] + [max(after, 0) for _, after in crops],
        output_padding=[max(-after, 0) for _, after in crops],
    )


def _crop(layer: Any, axis: int) -> tuple[int, int]:
    """How much of the full output Keras leaves away before and after (negative: how much it adds).

    The full output has `(size - 1) * stride + reach` positions; Keras wants `size * stride` of them with
    "same", `(size - 1) * stride + max(reach, stride)` with "valid", or what `output_padding` says.
    """
    stride = layer.strides[axis]
    reach = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
    extra = None if layer.output_padding is None else _item(layer.output_padding, axis)
    if layer.padding == "valid":
        before, after = 0, -(max(reach, stride) - reach if extra is None else extra)
    else:
        pad = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
        left = min(pad // 2 + pad % 2, reach - 1)
        before, after = reach - 1 - left, reach - 1 - (pad - left)
    if -after >= max(stride, layer.dilation_rate[axis]):
        raise Refused(f"output padding {-after} is not below the stride {stride}")
    return before, after


def _item(setting: Any, axis: int) -> int:
    return int(setting if isinstance(setting, int) else setting[axis])
