"""Layers of users: registered, traced, or refused with the reason."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from horngate.zoo.convert import Graph, Refused, Value, convert, converts


class Scale(layers.Layer):
    """One weight a channel."""

    def build(self, shape):
        self.g = self.add_weight(shape=(shape[-1],), initializer="normal")

    def call(self, x, training=False):
        if training:
            x = keras.random.dropout(x, 0.5)
        return x * self.g * 2.0


class Registered(layers.Layer):
    """Nothing that could be traced."""

    def call(self, x):
        return ops.convert_to_tensor(np.asarray(x) + 1)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


class Recurring(layers.Layer):
    """A layer of layers."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4, activation="relu")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return ops.concatenate([self.inner(x), ops.mean(x, axis=-1, keepdims=True)], axis=-1)


class Numpy(layers.Layer):
    """What only an eager tensor can do."""

    def call(self, x):
        return ops.convert_to_tensor(np.asarray(x) * 2)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


@converts(Registered)
def registered(graph: Graph, layer: Registered, x: Value) -> Value:
    return graph.op("Add", x, graph.constant(1, dtype=x.dtype))


def model_of(layer, shape=(5,)):
    x = keras.Input(shape)
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("layer", [Scale, Registered, Recurring])
def test_layers(layer, agree):
    agree(model_of(layer()))


def test_a_traced_layer_after_a_convolution(agree):
    x = keras.Input((6, 5, 3))
    agree(keras.Model(x, layers.Conv2D(2, 2)(Scale()(layers.Conv2D(4, 2)(x)))))


def test_what_cannot_be_traced_is_refused():
    with pytest.raises(Refused, match=r"layer 'numpy' \(Numpy\): it does not trace as keras.ops"):
        convert(model_of(Numpy(name="numpy")))


def test_a_subclass_of_a_known_layer_is_not_taken_for_it(agree):
    class Doubled(layers.Dense):
        def call(self, x):
            return super().call(x) * 2

    agree(model_of(Doubled(3)))


def test_lambdas(agree):
    agree(model_of(layers.Lambda(lambda x: ops.relu(x) + 0.1 * x, output_shape=(5,))))


def test_activations(agree):
    agree(model_of(layers.Dense(4, activation=lambda x: ops.relu(x) + 0.1 * x)))


def test_layers_as_activations(agree):
    agree(model_of(layers.Dense(4, activation=layers.LeakyReLU(0.3))))


def test_what_has_no_converter_says_so():
    x = keras.Input((4, 4))
    with pytest.raises(Refused, match=r"layer 'svd' \(SVD\): no converter is registered for it"):
        convert(keras.Model(x, ops.svd(x, compute_uv=False)))


class Breaking(layers.Layer):
    """A layer whose converter is wrong."""

    def call(self, x):
        return x


@converts(Breaking)
def breaking(graph: Graph, layer: Breaking, x: Value) -> Value:
    return x.nothing


def test_a_converter_that_fails_is_named():
    with pytest.raises(
        Refused, match=r"layer 'it' \(Breaking\): its converter failed: AttributeError: .*nothing"
    ):
        convert(model_of(Breaking(name="it")))
