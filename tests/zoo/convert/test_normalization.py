"""Normalizing layers, with statistics that are not the ones they start with."""

import keras
import numpy as np
import pytest
from keras import layers


def normalized(shape, *stages):
    x = inputs = keras.Input(shape)
    for stage in stages:
        x = stage(x)
    model = keras.Model(inputs, x)
    random = np.random.default_rng(3)
    for weight in stages[-1].weights:
        weight.assign(random.uniform(0.5, 2.0, size=weight.shape))
    return model


CASES = {
    "batch, a vector": lambda: normalized((5,), layers.BatchNormalization()),
    "batch, steps": lambda: normalized((4, 5), layers.BatchNormalization()),
    "batch, images": lambda: normalized((4, 5, 3), layers.BatchNormalization()),
    "batch, channels first": lambda: normalized((4, 5, 3), layers.BatchNormalization(axis=1)),
    "batch, an axis between": lambda: normalized((4, 5, 3), layers.BatchNormalization(axis=2)),
    "batch, no scale": lambda: normalized((4, 5), layers.BatchNormalization(scale=False)),
    "batch, no center": lambda: normalized((5,), layers.BatchNormalization(center=False)),
    "batch after a convolution": lambda: normalized(
        (6, 5, 3), layers.Conv2D(4, 2), layers.BatchNormalization()
    ),
    "layer": lambda: normalized((4, 5), layers.LayerNormalization()),
    "layer, two axes": lambda: normalized((4, 5), layers.LayerNormalization(axis=[1, 2])),
    "layer, an axis between": lambda: normalized((4, 5, 3), layers.LayerNormalization(axis=2)),
    "layer, axes apart": lambda: normalized((4, 5, 3), layers.LayerNormalization(axis=[1, 3])),
    "layer, no scale": lambda: normalized((5,), layers.LayerNormalization(scale=False)),
    "layer, another epsilon": lambda: normalized((5,), layers.LayerNormalization(epsilon=0.1, center=False)),
    "layer after a convolution": lambda: normalized(
        (6, 5, 3), layers.Conv2D(4, 2), layers.LayerNormalization()
    ),
    "unit": lambda: normalized((4, 5), layers.UnitNormalization()),
    "unit, two axes": lambda: normalized((4, 5), layers.UnitNormalization(axis=[1, 2])),
}


@pytest.mark.parametrize("name", CASES)
def test_normalizations(name, agree):
    agree(CASES[name]())


def test_a_unit_vector_of_zeros(agree):
    agree(normalized((4,), layers.UnitNormalization()), feed=lambda random, one: np.zeros(one.shape, "f4"))


def grouped(shape, before=(), **settings):
    return normalized(shape, *before, layers.GroupNormalization(**settings))


GROUPS = {
    "two": lambda: grouped((5, 4, 6), groups=2),
    "one for each channel": lambda: grouped((5, 6), groups=-1),
    "channels first": lambda: grouped((6, 5, 4), groups=3, axis=1),
    "a vector": lambda: grouped((6,), groups=3, scale=False),
    "after a convolution": lambda: grouped((6, 5, 3), [layers.Conv2D(4, 2)], groups=2, epsilon=0.1),
    "free sizes": lambda: grouped((None, 6), groups=3, center=False),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups(name, agree):
    agree(GROUPS[name]())


def test_root_mean_squares(agree):
    agree(normalized((4, 5), layers.RMSNormalization()))


def test_spectral(agree):
    agree(normalized((4, 5), layers.SpectralNormalization(layers.Dense(3))))
