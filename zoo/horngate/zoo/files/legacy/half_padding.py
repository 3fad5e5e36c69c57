"""Convolutions with Theano's `same` padding, which it calls half."""

from math import ceil
from typing import Any

import keras

from horngate.zoo.files.legacy.margins import Margin, margin, with_margins


class _Half(keras.layers.Wrapper):  # type: ignore[misc]
    """A convolution with `valid` padding inside, and the spatial sizes that `same` gives outside."""

    def build(self, input_shape: Any) -> None:
        """The convolution, built for what it will be given."""
        self.layer.build(self._inside(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The convolution's, with its spatial sizes as `same` has them."""
        shape = list(self.layer.compute_output_shape(self._inside(input_shape)))
        for axis, stride in self._strides():
            shape[axis] = self._size(input_shape[axis], stride)
        return tuple(shape)

    def _inside(self, shape: Any) -> Any:
        """The shape that the convolution is given."""
        margins = self._margins(shape)
        return tuple(
            None if size is None else size + sum(margin) for size, margin in zip(shape, margins, strict=True)
        )

    def _margins(self, shape: Any) -> list[Margin]:
        raise NotImplementedError

    def _size(self, size: int | None, stride: int) -> int | None:
        raise NotImplementedError

    def _strides(self) -> list[tuple[int, int]]:
        first = 1 if self.layer.data_format == "channels_last" else 2
        return list(enumerate(self.layer.strides, first))


@keras.saving.register_keras_serializable(package="horngate")
class HalfPadded(_Half):
    """A convolution whose input gets half a kernel of zeros before it. TensorFlow's `same` puts fewer there
    where the stride is above 1 or the kernel even.

    Source: Theano's `conv2d(border_mode="half")`, cut to `ceil(size / stride)` as Keras cut it.
    """

    def call(self, x: Any) -> Any:
        """Pad, cut what no window may see, convolve."""
        return self.layer(with_margins(x, self._margins(x.shape)))

    def _margins(self, shape: Any) -> list[Margin]:
        margins = [(0, 0)] * len(shape)
        for which, (axis, stride) in enumerate(self._strides()):
            dilation = self.layer.dilation_rate[which]
            kernel = (self.layer.kernel_size[which] - 1) * dilation + 1
            margins[axis] = margin(shape[axis], kernel, stride, kernel // 2)
        return margins

    def _size(self, size: int | None, stride: int) -> int | None:
        return None if size is None else ceil(size / stride)


@keras.saving.register_keras_serializable(package="horngate")
class HalfPaddedTranspose(_Half):
    """A transposed convolution whose output loses half a kernel before it: the gradient of `HalfPadded`."""

    def call(self, x: Any) -> Any:
        """Convolve all of it, cut to the input's size times the stride."""
        y = self.layer(with_margins(x, self._margins(x.shape)))
        for which, (axis, stride) in enumerate(self._strides()):
            before = self.layer.kernel_size[which] // 2
            if x.shape[axis] is None:
                after = before + stride - self.layer.kernel_size[which]
                window = slice(before, after or None)
            else:
                window = slice(before, before + x.shape[axis] * stride)
            y = y[(slice(None),) * axis + (window,)]
        return y

    def _margins(self, shape: Any) -> list[Margin]:
        """A zero after the input where its last kernel would end before the output does."""
        margins = [(0, 0)] * len(shape)
        for which, (axis, stride) in enumerate(self._strides()):
            kernel = self.layer.kernel_size[which]
            short = stride > kernel - kernel // 2
            if short and shape[axis] is None:
                raise ValueError(
                    f"strides of {stride} over kernels of {kernel} need an input of a known size"
                )
            margins[axis] = (0, int(short))
        return margins

    def _size(self, size: int | None, stride: int) -> int | None:
        return None if size is None else size * stride
