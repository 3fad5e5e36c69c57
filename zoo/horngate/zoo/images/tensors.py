"""The scaling of pictures on Keras's backend, for networks that run on Keras itself."""

from typing import Any

from horngate.zoo.images.recipe import ImageInput


def scaled(pixels: Any, wanted: ImageInput, dtype: str) -> Any:
    """A tensor of pixels (rows, height, width, channels) as the network's input; computed in float32."""
    import keras

    factor, offset = wanted.recipe.scaling.line(wanted.channels)
    ordered = keras.ops.flip(pixels, axis=-1) if wanted.recipe.scaling.order == "BGR" else pixels
    return keras.ops.cast(keras.ops.cast(ordered, "float32") * factor + offset, dtype)
