"""Contrast-limited adaptive histogram equalization."""

import keras
import pytest
from keras import layers

SETTINGS = {
    "tiles that fit": ((16, 16, 3), {}),
    "tiles that do not": ((30, 21, 2), {"clip_limit": 2.0, "tile_grid_size": (4, 3)}),
    "channels first": ((3, 20, 20), {"data_format": "channels_first", "tile_grid_size": (2, 2)}),
    "no limit": ((16, 16, 1), {"clip_limit": 0}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_equalization(name, agree):
    shape, settings = SETTINGS[name]
    inputs = keras.Input(shape)
    layer = layers.ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1), **settings)
    agree(
        keras.Model(inputs, layer(inputs)),
        feed=lambda random, one: random.uniform(0, 1, one.shape).astype("f4"),
    )
