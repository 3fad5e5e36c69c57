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


class Scale(layers.Layer):
    """A layer of a user, with a weight."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def build(self, shape):
        self.g = self.add_weight(shape=(shape[-1],), initializer="normal")

    def call(self, x):
        return x * self.g + 1


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "mixed_bfloat16", "float64"])
def test_policies(policy, agree):
    """Traced code, recurrent layers, attention and masks in other dtypes than float32."""
    keras.config.set_dtype_policy(policy)
    try:
        words = keras.Input((6,), dtype="int32")
        x = Scale()(layers.Embedding(9, 4, mask_zero=True)(words))
        x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(x, x))
        steps = keras.Input((6, 4), dtype="float32")
        normal = [layers.LayerNormalization()(steps), layers.GroupNormalization(2)(steps)]
        model = keras.Model([words, steps], [layers.GRU(3)(x), *normal])
    finally:
        keras.config.set_dtype_policy("float32")
    if "bfloat16" in policy:
        convert(model)  # ONNX Runtime computes nothing in bfloat16 on a CPU: other engines take the graph.
    else:
        agree(model, tolerance=1e-5 if policy == "float64" else 5e-3, engines=["onnxruntime"])


def test_quantized_layers_are_refused():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(8)(x))
    model.layers[-1].quantize("int8")
    with pytest.raises(Refused, match=r"it is quantized \(int8\)"):
        convert(model)


def test_activations_that_no_engine_has_in_float64_are_refused():
    x = keras.Input((4,), dtype="float64")
    with pytest.raises(Refused, match="no engine has ONNX's Gelu in float64"):
        convert(keras.Model(x, layers.Activation("gelu", dtype="float64")(x)))
