"""Pooling with Theano's `same` padding."""

from math import ceil
from typing import Any

import keras

from horngate.zoo.files.legacy.margins import margin, with_margins


@keras.saving.register_keras_serializable(package="horngate")
class TheanoPooling(keras.layers.Layer):  # type: ignore[misc]
    """The largest or the mean of windows that begin `kernel - 1` before the input, or `kernel - 2` where the
    kernel is odd. `counts_padding` tells whether a mean divides by the padding's places too.

    Source: `pool2d` and `pool3d` in Keras 2's Theano backend.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        *,
        mode: str,
        data_format: str = "channels_last",
        counts_padding: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.pool_size, self.strides = tuple(pool_size), tuple(strides)
        self.mode, self.data_format, self.counts_padding = mode, data_format, counts_padding

    def call(self, x: Any) -> Any:
        """Channels last or first, with one to three spatial axes between or behind."""
        if self.mode == "max":
            return self._pooled(x, -float("inf"), keras.ops.max_pool)
        means = self._pooled(x, 0.0, keras.ops.average_pool)
        if self.counts_padding:
            return means
        return means / self._pooled(keras.ops.ones_like(x), 0.0, keras.ops.average_pool)

    def _pooled(self, x: Any, filling: float, pool: Any) -> Any:
        margins = [(0, 0)] * len(x.shape)
        for axis, kernel, stride in self._axes():
            before = kernel - 2 if kernel % 2 and kernel > 1 else kernel - 1
            margins[axis] = margin(x.shape[axis], kernel, stride, before)
        x = with_margins(x, margins, filling)
        return pool(x, self.pool_size, self.strides, padding="valid", data_format=self.data_format)

    def _axes(self) -> list[tuple[int, int, int]]:
        first = 1 if self.data_format == "channels_last" else 2
        sizes = zip(self.pool_size, self.strides, strict=True)
        return [(axis, kernel, stride) for axis, (kernel, stride) in enumerate(sizes, first)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As `same` has it."""
        shape = list(input_shape)
        for axis, _, stride in self._axes():
            shape[axis] = None if shape[axis] is None else ceil(shape[axis] / stride)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "mode": self.mode,
            "data_format": self.data_format,
            "counts_padding": self.counts_padding,
        }
