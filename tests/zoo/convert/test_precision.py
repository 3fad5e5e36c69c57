"""Dtypes other than float32: cast as Keras casts them, or refused."""

import keras
import pytest
from keras import layers

from horngate.zoo.convert import Refused, convert


@pytest.fixture
def mixed():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def network():
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(0.5)(x))
    y = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(layers.MaxPooling2D()(y)))
    return keras.Model(x, layers.Dense(3, activation="softmax", dtype="float32")(layers.Dense(5)(y)))


def test_mixed_float16(mixed, agree):
    agree(network(), tolerance=5e-3, engines=["onnxruntime"])


def test_float64(agree):
    x = keras.Input((4,), dtype="float64")
    y = layers.Dense(3, activation="tanh", dtype="float64")(layers.Dense(5, dtype="float64")(x))
    agree(keras.Model(x, y), engines=["onnxruntime"])


def test_half_inputs(agree):
    x = keras.Input((4,), dtype="float16")
    agree(keras.Model(x, layers.Dense(3)(x)))


def test_a_traced_layer_under_a_mixed_policy_is_refused(mixed):
    class Scale(layers.Layer):
        def build(self, shape):
            self.g = self.add_weight(shape=(shape[-1],))

        def call(self, x):
            return x * self.g

    x = keras.Input((4,))
    with pytest.raises(Refused, match="dtype policy is mixed"):
        convert(keras.Model(x, Scale()(x)))
