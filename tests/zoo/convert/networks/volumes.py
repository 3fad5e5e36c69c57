"""Networks over lines and volumes: convolutions of one and three dimensions."""

from typing import Any

import keras
from keras import layers

from tests.zoo.convert.networks.growing import Choose, activation_of, any_of, grow


def volumes(choose: Choose) -> Any:
    """Chains of one- and three-dimensional convolutions and poolings with branches."""
    rank = choose([1, 3])
    sides = {1: [(9,), (6,), (None,)], 3: [(5, 4, 6), (4, 4, 4)]}[rank]
    inputs = keras.Input((*choose(sides), choose([1, 2, 4])))
    pool = [inputs]

    def stage(choose: Choose, pool: list[Any]) -> Any:
        x = any_of(choose, pool)
        fits = [one for one in pool if one.shape == x.shape]
        window = {"strides": choose([1, 1, 2]), "padding": choose(["same", "valid"])}
        kinds = [
            lambda: _named("Conv", rank)(choose([2, 4]), 3, activation=activation_of(choose), **window)(x),
            lambda: _named("Conv", rank)(3, 2, dilation_rate=2, padding="same")(x),
            lambda: _named("Conv", rank, "Transpose")(2, choose([2, 3]), **window)(x),
            lambda: _named("MaxPooling", rank)(2, **window)(x),
            lambda: _named("AveragePooling", rank)(choose([2, 3]), **window)(x),
            lambda: layers.BatchNormalization()(_named("Conv", rank)(2, 1)(x)),
            lambda: _named("ZeroPadding", rank)(1)(x),
            lambda: _named("Cropping", rank)(1)(x),
            lambda: _named("UpSampling", rank)(2)(x),
            lambda: layers.LayerNormalization()(x),
            lambda: layers.PReLU(shared_axes=list(range(1, rank + 1)), alpha_initializer="uniform")(x),
            lambda: layers.Add()([x, choose(fits)]),
            lambda: layers.Concatenate()([x, choose(fits)]),
            lambda: layers.Dense(3, activation=activation_of(choose))(x),
        ]
        return choose(kinds)()

    grow(choose, pool, [stage])
    end = choose(
        [_named("GlobalAveragePooling", rank)(), _named("GlobalMaxPooling", rank)(), layers.Identity()]
    )
    return keras.Model(inputs, end(pool[-1]))


def _named(kind: str, rank: int, suffix: str = "") -> Any:
    return getattr(layers, f"{kind}{rank}D{suffix}")
