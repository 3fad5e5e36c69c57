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


class Token(layers.Layer):
    """A learned step before the others, stretched to as many rows as there are, in one of several ways."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def build(self, shape):
        self.step = self.add_weight(shape=(1, 1, shape[-1]), initializer="normal")

    def call(self, x):
        rows, _, width = ops.shape(x)
        stretched = {
            "broadcast": lambda: ops.broadcast_to(self.step, (rows, 1, width)),
            "tile": lambda: ops.tile(self.step, (rows, 1, 1)),
            "repeat": lambda: ops.repeat(self.step, rows, axis=0),
            "zeros": lambda: ops.zeros((rows, 1, width)) + self.step,
        }
        return ops.reshape(ops.concatenate([stretched[self.way](), x], axis=1), (rows * 6, width))


@pytest.mark.parametrize("way", ["broadcast", "tile", "repeat", "zeros"])
def test_code_that_counts_the_rows(way, agree):
    x = keras.Input((5, 4))
    agree(keras.Model(x, layers.Reshape((6, 4))(ops.reshape(Token(way)(x), (-1, 24)))))


class Doing(layers.Layer):
    """What its name says."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="ones", trainable=False)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        if self.name == "counting":
            self.calls.assign_add(1.0)
            return x * self.calls
        if self.name == "dicing":
            return x + keras.random.normal((4,), seed=self.seed)
        if self.name == "numbering":
            return x + ops.cast(ops.arange(ops.shape(x)[0]), "float32")[:, None, None]
        if self.name == "measuring":
            return x + ops.cast(ops.arange(0, ops.shape(x)[1]), "float32")[:, None]
        return ops.cond(ops.any(x > 0), lambda: x, lambda: x * 2)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("counting", "changes its variables"),
        ("dicing", "changes its variables"),
        ("numbering", "does not trace"),
        ("measuring", "an empty tensor"),
        ("choosing", "depends on the values"),
    ],
)
def test_code_that_would_trace_into_something_else_is_refused(name, reason):
    x = keras.Input((None, 4))
    layer = Doing(name=name)
    model = keras.Model(x, layer(x))
    before = float(layer.calls)
    with pytest.raises(Refused, match=reason):
        convert(model)
    assert float(layer.calls) == before


def test_constants_and_keywords_in_calls(agree):
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(4)(x))
    agree(
        keras.Model(
            x, [layers.Add()([x, ops.ones((1, 4))]), inner(inputs=x), layers.Multiply()([x, x[:, :1]])]
        )
    )


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
