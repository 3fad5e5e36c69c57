"""Keras 2's RandomCrop, which outside of training crops to the middle and resizes; today's does nothing then."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="horngate")
class RandomCrop(keras.layers.RandomCrop):  # type: ignore[misc]
    """A random part of the image in training, else its middle in that aspect, resized."""

    def __init__(self, height: int, width: int, **settings: Any) -> None:
        super().__init__(height, width, **settings)
        self._middle = keras.layers.Resizing(height, width, crop_to_aspect_ratio=True)

    def call(self, inputs: Any, training: bool = True) -> Any:
        """(rows, height, width, channels)."""
        return super().call(inputs, training=True) if training else self._middle(inputs)
