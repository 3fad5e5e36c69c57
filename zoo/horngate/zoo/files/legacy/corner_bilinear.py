"""TensorFlow 1's bilinear UpSampling2D."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class CornerBilinearUpSampling2D(keras.layers.Layer):  # type: ignore[misc]
    """Bilinear enlargement on the grid `source = target / size`, that is, with the first pixels' corners
    laid on one another. Today's layer lays pixels' centres on one another.
    """

    def __init__(self, size: Any = (2, 2), data_format: str = "channels_last", **settings: Any) -> None:
        super().__init__(**settings)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.data_format = data_format or "channels_last"

    def call(self, x: Any) -> Any:
        """(rows, height, width, channels) or, channels first, (rows, channels, height, width)."""
        first = 1 if self.data_format == "channels_last" else 2
        for axis, factor in zip((first, first + 1), self.size, strict=True):
            x = _enlarged(x, axis, factor)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Height and width times the sizes."""
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for axis, factor in zip((first, first + 1), self.size, strict=True):
            shape[axis] = None if shape[axis] is None else shape[axis] * factor
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "size": list(self.size), "data_format": self.data_format}


def _enlarged(x: Any, axis: int, factor: int) -> Any:
    """Between each pixel and the next, in `factor` even steps; the last pixel stays as it is."""
    following = keras.ops.concatenate([_part(x, axis, 1, None), _part(x, axis, -1, None)], axis=axis)
    steps = [x + (following - x) * (step / factor) for step in range(factor)]
    sizes = list(keras.ops.shape(x))
    sizes[axis] = -1 if sizes[axis] is None else sizes[axis] * factor
    sizes[0] = -1 if all(isinstance(size, int) for size in sizes[1:]) else sizes[0]
    return keras.ops.reshape(keras.ops.stack(steps, axis=axis + 1), sizes)


def _part(x: Any, axis: int, start: int, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]
