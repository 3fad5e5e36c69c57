"""LocallyConnected1D and 2D, which Keras 3 dropped: convolutions with a kernel of its own for each place."""

import math
from typing import Any

import keras

from horngate.zoo.files.legacy.connections import connected, output_sizes, whole_mask


class _LocallyConnected(keras.layers.Layer):  # type: ignore[misc]
    """What both have in common. `implementation` tells how Keras 2 stored the kernel.

    1: (places, patch, filters). 2 and 3, which alone can pad: from every input to every output, of which those
    count that a window connects; here a matrix, with zeros elsewhere (3 stored what counts in a row).
    """

    axes: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        implementation: int = 1,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.filters, self.padding, self.use_bias = filters, padding, use_bias
        self.kernel_size, self.strides = _sizes(kernel_size, self.axes), _sizes(strides, self.axes)
        self.data_format = data_format or "channels_last"
        self.activation = keras.activations.get(activation)
        self.implementation = implementation

    def build(self, input_shape: Any) -> None:
        """Kernel and bias as Keras 2 stored them."""
        *spatial, channels = self._channels_last(input_shape)[1:]
        self.places = self._places(spatial)
        count, patch = math.prod(self.places), math.prod(self.kernel_size) * channels
        shape: tuple[int, ...] = (count, patch, self.filters)
        if self.implementation != 1:
            shape = (math.prod(spatial) * channels, count * self.filters)
            first = self.data_format == "channels_first"
            mask = connected(spatial, self.kernel_size, self.strides, self.padding)
            self.mask = whole_mask(mask, channels, self.filters, channels_first=first)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(*self.places, self.filters), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """A product for every place, then bias and activation."""
        if self.implementation != 1:
            return self.activation(self._through_matrix(x))
        first = self.data_format == "channels_first"
        patches = keras.ops.stack([self._patch(x, place) for place in self._every_place()], axis=1)
        outputs = keras.ops.einsum("rpi,pif->rpf", patches, self.kernel)
        outputs = keras.ops.reshape(outputs, (-1, *self.places, self.filters))
        if first:
            outputs = keras.ops.moveaxis(outputs, -1, 1)
        return self.activation(self._with_bias(outputs))

    def _through_matrix(self, x: Any) -> Any:
        flat = keras.ops.matmul(keras.ops.reshape(x, (-1, self.kernel.shape[0])), self.kernel)
        first = self.data_format == "channels_first"
        shape = (self.filters, *self.places) if first else (*self.places, self.filters)
        return self._with_bias(keras.ops.reshape(flat, (-1, *shape)))

    def _with_bias(self, outputs: Any) -> Any:
        """Every old Keras gave its stored (places, filters) the outputs' shape without turning the axes."""
        return outputs + keras.ops.reshape(self.bias, outputs.shape[1:]) if self.use_bias else outputs

    def _patch(self, x: Any, place: tuple[int, ...]) -> Any:
        """What the kernel at a place sees, flat. Channels first are flattened as they lie."""
        windows = tuple(
            slice(at * stride, at * stride + size)
            for at, stride, size in zip(place, self.strides, self.kernel_size, strict=True)
        )
        everything = slice(None)
        if self.data_format == "channels_first":
            seen = x[(everything, everything, *windows)]
        else:
            seen = x[(everything, *windows, everything)]
        return keras.ops.reshape(seen, (-1, self.kernel.shape[1]))

    def _every_place(self) -> list[tuple[int, ...]]:
        places: list[tuple[int, ...]] = [()]
        for size in self.places:
            places = [(*place, at) for place in places for at in range(size)]
        return places

    def _places(self, spatial: Any) -> tuple[int, ...]:
        return output_sizes(spatial, self.kernel_size, self.strides, self.padding)

    def _channels_last(self, shape: Any) -> tuple[Any, ...]:
        return (shape[0], *shape[2:], shape[1]) if self.data_format == "channels_first" else tuple(shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The places, with the filters as channels."""
        rows, *spatial, _ = self._channels_last(input_shape)
        places = self._places(spatial)
        first = self.data_format == "channels_first"
        return (rows, self.filters, *places) if first else (rows, *places, self.filters)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "implementation": self.implementation,
        }


@keras.saving.register_keras_serializable(package="horngate")
class LocallyConnected1D(_LocallyConnected):
    """Over (rows, steps, features)."""

    axes = 1


@keras.saving.register_keras_serializable(package="horngate")
class LocallyConnected2D(_LocallyConnected):
    """Over (rows, height, width, channels), or with the channels first."""

    axes = 2


def _sizes(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)
