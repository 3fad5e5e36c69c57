"""Keras 1's `BatchNormalization(mode=1)`."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class SamplewiseNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Each row by its own mean and deviation over the last axis: `gamma (x - m) / (s + epsilon) + beta`,
    where `s = sqrt(variance + epsilon)`. The running averages are stored, and not used.
    """

    def __init__(
        self, epsilon: float = 1e-3, axis: int = -1, momentum: float = 0.99, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.epsilon, self.axis, self.momentum = epsilon, axis, momentum

    def build(self, input_shape: Any) -> None:
        """The weights in the order of Keras 1."""
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.running_mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.running_std = self.add_weight(shape=shape, initializer="ones", trainable=False, name="std")

    def call(self, x: Any) -> Any:
        """The input's shape."""
        mean = keras.ops.mean(x, axis=-1, keepdims=True)
        variance = keras.ops.mean(keras.ops.square(x - mean), axis=-1, keepdims=True)
        deviation = keras.ops.sqrt(variance + self.epsilon) + self.epsilon
        return (x - mean) / deviation * self.gamma + self.beta

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        own = {"epsilon": self.epsilon, "axis": self.axis, "momentum": self.momentum}
        return {**super().get_config(), **own}
