"""Models that compute in code of their own, as graphs of the layers that they call."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from horngate.contract.errors import LoadError
from horngate.zoo.describe import describe
from horngate.zoo.traced import traced
from tests.integration.own_networks import Arguments, Deciding, Named, Plain, Raw, Switching

X = np.linspace(-1, 1, 18, dtype="f4").reshape(3, 6)


def built(model: Any, *inputs: Any) -> Any:
    model(*inputs)
    return model


def test_layers_are_known_and_compute_what_the_code_does():
    model = built(Plain(), X)
    found = traced(model)
    assert (found.opaque, found.untrainable) == ("", "")
    spec = describe(found.model)
    names = [layer.name for layer in spec.layers]
    assert names == ["x", "one", "norm", "dropout", "twice", "relu", "twice:1"]
    np.testing.assert_array_equal(found.model(X), model(X))
    assert found.model.get_layer("one") is model.one
    model.norm.momentum = 0.0
    assert found.model(X, training=True).shape == (3, 4)
    assert float(np.max(np.abs(model.norm.moving_mean))) > 0, "the phase reaches the layers"


def test_inputs_by_key():
    inputs = {"left": X, "right": X + 1}
    model = built(Named(), inputs)
    graph = traced(model).model
    assert [one.name for one in describe(graph).inputs] == ["left", "right"]
    assert [one.name for one in describe(graph).outputs] == ["left_1", "sum"]
    for key, truth in model(inputs).items():
        np.testing.assert_array_equal(graph([X, X + 1])[key], truth)


def test_what_has_a_graph_is_left_as_it_is():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    assert traced(model).model is model


@pytest.mark.parametrize(
    ("cls", "why"),
    [
        (Raw, "A KerasTensor cannot be used as input to a TensorFlow function"),
        (Deciding, "the layers that it called for symbols do not compute what it does for numbers"),
    ],
)
def test_code_that_cannot_be_followed_is_one_layer(cls, why):
    model = built(cls(), X)
    found = traced(model)
    assert f"the layers inside of {cls.__name__} are not known" in found.opaque
    assert why in found.opaque
    assert [layer.class_name for layer in describe(found.model).layers] == ["InputLayer", cls.__name__]
    np.testing.assert_allclose(found.model(X), model(X), atol=1e-6)


def test_code_that_does_other_things_in_training_is_told():
    assert "does other things in training" in traced(built(Switching(), X)).untrainable


def test_a_model_of_unknown_inputs_is_refused():
    with pytest.raises(LoadError, match="does not tell the shape of x; let it take one argument"):
        traced(Plain(name="new"))
    with pytest.raises(LoadError, match="does not tell the shape of right; let it take one argument"):
        traced(built(Arguments(), X, X + 1))
