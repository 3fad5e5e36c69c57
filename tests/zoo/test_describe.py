"""What a model tells of itself, and names that stay unique."""

import keras
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.describe import describe


def test_a_model_with_everything(small):
    spec = describe(small)
    assert [(one.name, one.datatype, one.shape) for one in spec.inputs] == [
        ("a", "FP32", (None, 4)),
        ("b", "FP32", (None, 4)),
    ]
    assert [(one.name, one.shape) for one in spec.outputs] == [("both", (None, 8))]
    assert spec.parameters == small.count_params()
    layers = {layer.name: layer for layer in spec.layers}
    assert layers["inner/first"].class_name == "Dense"
    assert layers["inner/first"].parameters == 15
    assert layers["both"].inputs == ("inner", "lstm")
    assert layers["a"].class_name == "InputLayer"


def test_a_layer_called_twice_with_several_outputs():
    lstm = keras.layers.LSTM(2, return_state=True, name="lstm")
    x, y = keras.Input((3, 2)), keras.Input((4, 2))
    spec = describe(keras.Model([x, y], [*lstm(x), *lstm(y)]))
    names = ["lstm", "lstm.1", "lstm.2", "lstm:1", "lstm:1.1", "lstm:1.2"]
    assert [one.name for one in spec.outputs] == names
    assert set(names) <= set(spec.requestable)


def test_names_that_would_clash():
    x = keras.Input((3, 2), name="x")
    other = keras.layers.Dense(1, name="lstm.1")(x)
    states = keras.layers.LSTM(2, return_state=True, name="lstm")(x)
    spec = describe(keras.Model(x, [other, *states]))
    outputs = [one.name for one in spec.outputs]
    assert len(set(outputs)) == 4
    assert set(outputs) <= set(spec.requestable)


def test_operations_count_as_layers():
    x = keras.Input((3,), name="x")
    spec = describe(keras.Model(x, keras.ops.exp(x) * 2))
    assert [layer.class_name for layer in spec.layers] == ["InputLayer", "Exp", "Multiply"]


@pytest.mark.parametrize(("dtype", "datatype"), [("bool", "BOOL"), ("string", "BYTES"), ("float16", "FP16")])
def test_datatypes(dtype, datatype):
    x = keras.Input((3,), dtype=dtype)
    assert describe(keras.Model(x, x)).inputs[0].datatype == datatype


def test_free_sizes():
    x = keras.Input((None, 3))
    assert describe(keras.Model(x, keras.layers.Conv1D(2, 1)(x))).outputs[0].shape == (None, None, 2)


def test_a_model_without_a_graph():
    with pytest.raises(LoadError, match=r"without an input shape has no graph; add keras.Input"):
        describe(keras.Sequential([keras.layers.Dense(2)]))


def test_a_model_that_computes_in_python():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(LoadError, match="Own computes in Python code of its own"):
        describe(Own())


def test_a_model_that_bypasses_its_graph():
    class Doubled(keras.Model):
        def call(self, x):
            return super().call(x) * 2

    x = keras.Input((2,))
    with pytest.raises(LoadError, match="Doubled computes in Python code of its own"):
        describe(Doubled(x, keras.layers.Dense(1)(x)))


def test_a_scalar_output():
    x = keras.Input((2,))
    with pytest.raises(LoadError, match="is a scalar for the whole batch"):
        describe(keras.Model(x, keras.ops.sum(x)))


def test_indexes_are_those_of_the_keras_models_own_layers(small):
    spec = describe(small)
    for index, layer in enumerate(small.layers):
        assert spec.meant(f"layer:{index}").name == layer.name
    for index, layer in enumerate(small.get_layer("inner").layers):
        assert spec.meant(f"inner/layer:{index}").name == f"inner/{layer.name}"


# MobileNetV2's paper says 300 million, without normalizations (here 6.7); ResNet50 is known for 3.9 billion.
@pytest.mark.parametrize(("network", "known"), [("MobileNetV2", 307.5e6), ("ResNet50", 3.869e9)])
def test_what_networks_cost_is_what_is_published(network, known):
    layers = describe(getattr(keras.applications, network)(weights=None)).layers
    assert sum(layer.macs for layer in layers) == pytest.approx(known, rel=1e-3)
