"""Keras 1's Highway."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class Highway(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer that lets part of its input through: `t * activation(x W + b) + (1 - t) * x`, where
    `t = sigmoid(x W_carry + b_carry)`.
    """

    def __init__(self, activation: Any = None, use_bias: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        """The weights in the order of Keras 1."""
        size = input_shape[-1]
        self.kernel = self.add_weight(shape=(size, size), name="kernel")
        self.kernel_carry = self.add_weight(shape=(size, size), name="kernel_carry")
        if self.use_bias:
            self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")
            self.bias_carry = self.add_weight(shape=(size,), initializer="ones", name="bias_carry")

    def call(self, x: Any) -> Any:
        """(rows, size), as it came."""
        carry, value = keras.ops.matmul(x, self.kernel_carry), keras.ops.matmul(x, self.kernel)
        if self.use_bias:
            carry, value = carry + self.bias_carry, value + self.bias
        through = keras.ops.sigmoid(carry)
        return self.activation(value) * through + (1 - through) * x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        own = {"activation": keras.activations.serialize(self.activation), "use_bias": self.use_bias}
        return {**super().get_config(), **own}
