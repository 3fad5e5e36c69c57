"""Networks for tests on a GPU."""

from typing import Any


def convolutions() -> Any:
    """What image networks are made of, small."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = keras.Input((32, 32, 3), name="x")
    y = layers.BatchNormalization()(layers.Conv2D(64, 3, padding="same")(x))
    y = layers.Conv2D(128, 3, strides=2)(layers.ReLU()(y))
    y = layers.DepthwiseConv2D(3, activation="relu")(y)
    y = layers.Conv2D(256, 1, activation="relu")(y)
    y = layers.Dense(256, activation="relu")(layers.GlobalAveragePooling2D()(y))
    return keras.Model(x, layers.Dense(10, name="y")(y))


def wide() -> Any:
    """A row of one number that is 4 MiB on its way: few rows take much memory."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = keras.Input((1,), name="x")
    y = layers.Reshape((512, 512, 1))(layers.Dense(512 * 512)(x))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
    return keras.Model(x, layers.Dense(3, name="y")(layers.GlobalAveragePooling2D()(y)))
