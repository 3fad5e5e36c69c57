"""Convolutions padded as Theano padded them."""

from typing import Any

import keras
from keras import ops


class _HalfPadded:
    """`padding="same"` with half a kernel on both sides, cut at the end to the size that TensorFlow has.

    TensorFlow pads less in front when it takes steps or the kernel is even, so the windows lie elsewhere.
    """

    def call(self: Any, inputs: Any) -> Any:
        """The convolution, bias and activation."""
        first = 1 if self.data_format == "channels_last" else 2
        widths = [(0, 0)] * len(inputs.shape)
        for axis, (size, rate) in enumerate(
            zip(self.kernel_size, self.dilation_rate, strict=True), start=first
        ):
            half = ((size - 1) * rate + 1) // 2
            widths[axis] = (half, half)
        outputs = ops.conv(
            ops.pad(inputs, widths),
            self.kernel,
            strides=self.strides,
            padding="valid",
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        outputs = outputs[_kept(self, ops.shape(inputs), first)]
        if self.use_bias:
            spread = (1, -1) + (1,) * (len(inputs.shape) - 2) if first == 2 else (-1,)
            outputs = outputs + ops.reshape(self.bias, spread)
        return outputs if self.activation is None else self.activation(outputs)


def _kept(layer: Any, sizes: Any, first: int) -> tuple[slice, ...]:
    """Even kernels give one place too many."""
    kept = [slice(None)] * len(sizes)
    for axis, (size, stride) in enumerate(zip(layer.kernel_size, layer.strides, strict=True), start=first):
        if size % 2 == 0:
            kept[axis] = slice(0, -1 if stride == 1 else (sizes[axis] + stride - 1) // stride)
    return tuple(kept)


@keras.saving.register_keras_serializable(package="horngate")
class HalfPaddedConv1D(_HalfPadded, keras.layers.Conv1D):  # type: ignore[misc]
    """Conv1D of Theano with `padding="same"`."""


@keras.saving.register_keras_serializable(package="horngate")
class HalfPaddedConv2D(_HalfPadded, keras.layers.Conv2D):  # type: ignore[misc]
    """Conv2D of Theano with `padding="same"`."""


@keras.saving.register_keras_serializable(package="horngate")
class HalfPaddedConv3D(_HalfPadded, keras.layers.Conv3D):  # type: ignore[misc]
    """Conv3D of Theano with `padding="same"`."""
