"""A graph is compared with Keras on inputs on which a wrong one shows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from horngate.server.agreement import HALF_TOLERANCE, TOLERANCE, tolerance
from horngate.server.builder.comparing import Truth, disagreement
from horngate.server.builder.following import following
from horngate.server.builder.reference import KerasModel, is_half, reference
from horngate.server.following import Following
from horngate.zoo.convert import Graph, Value, convert, converts, masks
from horngate.zoo.describe import describe
from horngate.zoo.stateful import kept_by


class Twice(layers.Layer):
    """Doubles, and hands its mask on."""

    supports_masking = True

    def call(self, x):
        return x * 2


def positive(graph: Graph, x: Value, count: float) -> Value:
    """`count` where the condition that follows from a wrong idea of the layer holds, two elsewhere."""
    return graph.op("Where", x, graph.constant(count, dtype="float32"), graph.constant(2.0, dtype="float32"))


def shape_of(graph: Graph, x: Value, axis: int) -> Value:
    return graph.op("Shape", x, dtype="int64", shape=(1,), start=axis, end=axis + 1)


def wrong_beyond(graph, x):
    return graph.op("Greater", graph.op("Abs", x), graph.constant(8.0, dtype="float32"), dtype="bool")


def wrong_at_zero(graph, x):
    total = graph.op("ReduceSum", graph.op("Abs", x), keepdims=1, shape=(1, 1, 1))
    none = graph.op("Equal", total, graph.constant(0.0, dtype="float32"), dtype="bool")
    return graph.op("Expand", none, graph.op("Shape", x, dtype="int64"), shape=x.shape)


def wrong_for(axis, sizes):
    def condition(graph, x):
        same = [
            graph.op("Equal", shape_of(graph, x, axis), graph.ints(size), shape=(1,), dtype="bool")
            for size in sizes
        ]
        return graph.op("Or", same[0], same[-1])

    return condition


MISTAKES: dict[str, tuple[str, Any]] = {
    "large values": ("large values", wrong_beyond),
    "zeros": ("nothing but zeros", wrong_at_zero),
    "one row": ("one row", wrong_for(0, [1])),
    "seven rows": ("seven rows", wrong_for(0, [7])),
    "free sizes": ("smaller free sizes", wrong_for(1, [13, 13])),
}


def compared(model, tmp_path: Path) -> str | None:
    spec = describe(model)
    converted = convert(model)
    (tmp_path / "graph.onnx").write_bytes(converted.proto.SerializeToString())
    keras_model = KerasModel(model, spec)
    inputs, outputs = reference(keras_model, model, spec)
    truth = Truth(inputs=inputs, outputs=outputs, tolerance=TOLERANCE)
    return disagreement(model, keras_model, spec, tmp_path / "graph.onnx", converted.states, truth)


def test_states_that_a_graph_confuses_show_in_the_second_step(tmp_path: Path) -> None:
    x = keras.Input(batch_shape=(2, 5, 2), name="x")
    model = keras.Model(x, layers.LSTM(3, stateful=True, name="y")(x))
    spec, kept, converted = describe(model), kept_by(model), convert(model)
    keras_model = KerasModel(model, spec)
    inputs, outputs = reference(keras_model, model, spec)
    followed = following(model, spec, kept, (inputs, outputs), TOLERANCE)
    assert isinstance(followed, Following)
    truth = Truth(inputs=inputs, outputs=outputs, tolerance=TOLERANCE, following=followed)
    (tmp_path / "graph.onnx").write_bytes(converted.proto.SerializeToString())
    output, carry = converted.states
    confused = [replace(output, output=carry.output), replace(carry, output=output.output)]
    for states, text in ((converted.states, "None"), (confused, "in a sequence's second step")):
        found = disagreement(model, keras_model, spec, tmp_path / "graph.onnx", states, truth)
        assert text in str(found)


def steps(*stages):
    x = inputs = keras.Input((None, 4))
    for stage in stages:
        x = stage(x)
    return keras.Model(inputs, x)


@pytest.fixture
def restored(monkeypatch):
    """Converters registered in a test are forgotten after it."""
    from horngate.zoo.convert import registry

    monkeypatch.setattr(registry, "_CONVERTERS", dict(registry._CONVERTERS))
    monkeypatch.setattr(registry, "_MASKS", dict(registry._MASKS))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_converter_shows(mistake, restored, tmp_path):
    case, condition = MISTAKES[mistake]

    @converts(Twice)
    def twice(graph: Graph, layer: Twice, x: Value) -> Value:
        factor = positive(graph, condition(graph, x), 3.0)
        product = graph.op("Mul", x, factor, shape=x.shape, dtype="float32")
        if mistake != "zeros":
            return product
        return graph.op(
            "Add", product, graph.op("Sub", factor, graph.constant(2.0, dtype="float32")), shape=x.shape
        )

    told = compared(steps(Twice()), tmp_path)
    assert told is not None
    assert told.endswith(f"of the output's scale, on {case}")


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_lost_mask_shows(value, restored, tmp_path):
    @converts(Twice)
    def twice(graph: Graph, layer: Twice, x: Value) -> Value:
        return graph.op("Mul", x, graph.constant(2.0, dtype="float32"))

    x = inputs = keras.Input((None, 4))
    for layer in (layers.Masking(value), Twice(), layers.GRU(3, bias_initializer="ones")):
        # Called with keywords, so that the graph does not hold the mask.
        x = layer(x, **({"training": False} if isinstance(layer, layers.GRU) else {}))
    right = keras.Model(inputs, x)
    assert compared(right, tmp_path) is None

    @masks(Twice)
    def none(graph: Graph, layer: Twice, inputs: Any, mask: Any) -> None:
        return None

    told = compared(right, tmp_path)
    assert told is not None
    assert told.endswith("on random inputs")  # which have padding in them


def test_embedded_padding_is_compared(restored, tmp_path):
    words = keras.Input((6,), dtype="int32")
    model = keras.Model(words, layers.GRU(3)(Twice()(layers.Embedding(9, 4, mask_zero=True)(words))))
    assert compared(model, tmp_path) is None


def test_the_reference_that_every_engine_is_compared_on_has_padding():
    words = keras.Input((8,), dtype="int32")
    model = keras.Model(words, layers.GRU(3)(layers.Embedding(9, 4, mask_zero=True)(words)))
    spec = describe(model)
    (inputs,), _ = reference(KerasModel(model, spec), model, spec)
    assert 0.2 < (inputs == 0).mean() < 0.8
    plain = steps(layers.GRU(3))
    (inputs,), _ = reference(KerasModel(plain, describe(plain)), plain, describe(plain))
    assert (inputs != 0).all()


def test_what_keras_does_not_take_is_left_out(tmp_path):
    words = keras.Input((4,), dtype="int32")
    model = keras.Model(words, layers.Dense(2)(layers.CategoryEncoding(200, output_mode="count")(words)))
    assert compared(model, tmp_path) is None


def test_half_precision_inside_counts(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(layers.Dense(3, dtype="mixed_float16")(x)))
    assert is_half(model)
    assert tolerance([np.zeros(1, "f4")], half=is_half(model)) == HALF_TOLERANCE
    assert not is_half(steps(layers.Dense(2)))
