"""Keras 1's SReLU."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class SReLU(keras.layers.Layer):  # type: ignore[misc]
    """Three straight pieces: slope `a_left` below `t_left`, 1 between, `a_right` above `t_left + |t_right|`."""

    def __init__(self, shared_axes: Any = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.shared_axes = [axis for axis in (shared_axes or []) if axis is not None]
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """The four in the order of Keras 1."""
        shape = [1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape)][1:]
        self.t_left = self.add_weight(shape=shape, initializer="zeros", name="t_left")
        self.a_left = self.add_weight(shape=shape, name="a_left")
        self.t_right = self.add_weight(shape=shape, name="t_right")
        self.a_right = self.add_weight(shape=shape, initializer="ones", name="a_right")

    def call(self, x: Any) -> Any:
        """Elementwise, as Keras 1 put it together: left and centre clipped at the right, then the right."""
        right = self.t_left + keras.ops.abs(self.t_right)
        shifted = x - self.t_left
        centre = keras.ops.minimum(keras.ops.relu(shifted), right - self.t_left)
        left = keras.ops.minimum(shifted, 0.0) * self.a_left
        return centre + left + keras.ops.relu(x - right) * self.a_right + self.t_left

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "shared_axes": self.shared_axes}
