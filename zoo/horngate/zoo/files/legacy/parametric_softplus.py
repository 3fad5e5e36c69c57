"""Keras 1's ParametricSoftplus."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class ParametricSoftplus(keras.layers.Layer):  # type: ignore[misc]
    """`alpha * log(1 + exp(beta * x))`, alpha and beta learned for each place but along `shared_axes`."""

    def __init__(
        self, alpha_init: float = 0.2, beta_init: float = 5.0, shared_axes: Any = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.alpha_init, self.beta_init = alpha_init, beta_init
        self.shared_axes = [axis for axis in (shared_axes or []) if axis is not None]
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Alphas, then betas."""
        shape = [1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape)][1:]
        constant = keras.initializers.Constant
        self.alphas = self.add_weight(shape=shape, initializer=constant(self.alpha_init), name="alphas")
        self.betas = self.add_weight(shape=shape, initializer=constant(self.beta_init), name="betas")

    def call(self, x: Any) -> Any:
        """Elementwise."""
        return keras.ops.softplus(x * self.betas) * self.alphas

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        own = {"alpha_init": self.alpha_init, "beta_init": self.beta_init, "shared_axes": self.shared_axes}
        return {**super().get_config(), **own}
