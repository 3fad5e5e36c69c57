"""ThresholdedReLU, which Keras 3 dropped."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class ThresholdedReLU(keras.layers.Layer):  # type: ignore[misc]
    """`x` where it is above `theta`, else 0."""

    def __init__(self, theta: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.theta = float(theta)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        """Elementwise."""
        return x * keras.ops.cast(keras.ops.greater(x, self.theta), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "theta": self.theta}
