"""Keras 1's `Merge(mode="cos")`."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class CosineMerge(keras.layers.Layer):  # type: ignore[misc]
    """The product of two inputs over `axes`, divided by both lengths, with one axis more in front.

    `cos = dot(a, b) / max(sqrt(dot(a, a) * dot(b, b)), epsilon)`, where `dot` is Keras's Dot layer.
    """

    def __init__(self, axes: Any = -1, **settings: Any) -> None:
        super().__init__(**settings)
        self.axes = axes if isinstance(axes, int) else list(axes)
        self._dot = keras.layers.Dot(axes=self.axes)

    def call(self, inputs: Any) -> Any:
        """From (rows, n) twice to (rows, 1, 1); matrices as Dot has them, with an axis more."""
        a, b = inputs
        lengths = keras.ops.sqrt(self._dot([a, a]) * self._dot([b, b]))
        cosine = self._dot([a, b]) / keras.ops.maximum(lengths, keras.config.epsilon())
        return keras.ops.expand_dims(cosine, 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Dot's, with an axis more."""
        rows, *rest = self._dot.compute_output_shape(input_shape)
        return (rows, 1, *rest)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "axes": self.axes}
