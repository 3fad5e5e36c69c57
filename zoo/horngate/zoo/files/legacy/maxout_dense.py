"""Keras 1's MaxoutDense."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class MaxoutDense(keras.layers.Layer):  # type: ignore[misc]
    """The largest of `nb_feature` linear layers, unit by unit.

    The kernel is (features, in, units), the bias (features, units).
    """

    def __init__(self, units: int, nb_feature: int = 4, use_bias: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self.units, self.nb_feature, self.use_bias = units, nb_feature, use_bias

    def build(self, input_shape: Any) -> None:
        """One kernel, and one bias if asked for."""
        self.kernel = self.add_weight(
            shape=(self.nb_feature, input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.nb_feature, self.units), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """From (rows, in) to (rows, units)."""
        features = keras.ops.einsum("ri,fiu->rfu", x, self.kernel)
        if self.use_bias:
            features = features + self.bias
        return keras.ops.max(features, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(rows, units)."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        own = {"units": self.units, "nb_feature": self.nb_feature, "use_bias": self.use_bias}
        return {**super().get_config(), **own}
