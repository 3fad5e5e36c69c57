"""Architectures and weights in files of their own, of every age, by topology and by name."""

import json

import keras
import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.files import load_weights, open_architecture, open_model
from tests.zoo.files.corpus import CHOSEN, Case, predicted, worst

PARTS = [
    Case(folder=CHOSEN / folder, name=name, info={})
    for folder, name in (
        ("k122_tf", "functional_merge"),
        ("tf115", "conv_bn"),
        ("k231", "nested_models"),
    )
]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("case", PARTS, ids=str)
def test_architecture_and_weights(case: Case, suffix: str) -> None:
    weights = case.folder / f"{case.name}.weights.h5"
    weights = weights if weights.exists() else case.file
    opened = open_model(weights, architecture=case.folder / f"{case.name}{suffix}")
    assert worst(predicted(opened.model, case), case.arrays("y")) <= case.tolerance
    assert not opened.weights or not opened.weights.unmatched


@pytest.mark.parametrize("case", PARTS, ids=str)
def test_an_architecture_alone_is_a_model_to_put_weights_into(case: Case) -> None:
    weights = case.folder / f"{case.name}.weights.h5"
    model = open_architecture(case.folder / f"{case.name}.yaml").model
    load_weights(model, weights if weights.exists() else case.file)
    assert worst(predicted(model, case), case.arrays("y")) <= case.tolerance


def test_todays_architecture_alone(small, tmp_path) -> None:
    (tmp_path / "small.json").write_text(small.to_json())
    model = open_architecture(tmp_path / "small.json").model
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in small.weights]
    with pytest.raises(LoadError, match="cannot be opened"):
        open_architecture(tmp_path / "none.json")


@pytest.mark.parametrize("weights", ["small.weights.h5", "small.h5", "small.keras"])
def test_parts_of_todays_keras(weights, saved, small, tmp_path) -> None:
    (tmp_path / "small.json").write_text(small.to_json())
    model = open_model(
        saved / weights, architecture=tmp_path / "small.json", by_name=weights == "small.h5"
    ).model
    x = [np.full((3, 4), 0.5, "f4"), np.full((3, 4), -0.5, "f4")]
    assert np.array_equal(model(x, training=False), small(x, training=False))


def another(units: int) -> keras.Model:
    """Like `small`, but for a layer of another name and one of another shape."""
    b = keras.Input((4,), name="b")
    steps = keras.layers.LSTM(5, name="lstm")(keras.layers.Reshape((2, 2))(b))
    return keras.Model(b, keras.layers.Dense(units, name="head")(steps))


@pytest.mark.parametrize("weights", ["small.weights.h5", "small.h5", "small.keras"])
def test_by_name_into_another_architecture(weights, saved, small) -> None:
    model = another(units=2)
    before = model.get_layer("head").get_weights()
    report = load_weights(model, saved / weights, by_name=True)
    assert report.matched == ("lstm",)
    assert report.unmatched == {"head": "the file has no layer of that name with weights"}
    assert report.unused == ("inner",)
    for ours, theirs in zip(
        model.get_layer("lstm").get_weights(), small.get_layer("lstm").get_weights(), strict=True
    ):
        assert np.array_equal(ours, theirs)
    assert all(map(np.array_equal, before, model.get_layer("head").get_weights()))


@pytest.mark.parametrize("weights", ["small.weights.h5", "small.h5"])
def test_a_layer_of_another_shape_keeps_all_of_its_own_weights(weights, saved) -> None:
    b = keras.Input((4,), name="b")
    steps = keras.layers.LSTM(6, name="lstm")(keras.layers.Reshape((2, 2))(b))
    model = keras.Model(b, [steps, keras.layers.Dense(3, name="first")(b)])
    before = model.get_layer("lstm").get_weights()
    with pytest.raises(LoadError, match="no layer of the architecture has weights of its name"):
        load_weights(model, saved / weights, by_name=True)
    assert all(map(np.array_equal, before, model.get_layer("lstm").get_weights()))


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("small.weights.h5", r"weight 'kernel' has shape \(2, 20\) in the file; expected \(2, 24\)"),
        ("small.h5", r"weight 'kernel' has shape \(2, 20\) in the file; expected \(2, 24\)"),
    ],
)
def test_by_topology_a_shape_that_does_not_fit_names_the_layer(weights, told, saved, small) -> None:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first")], name="inner")
    steps = keras.layers.LSTM(6, name="lstm")(keras.layers.Reshape((2, 2))(b))
    model = keras.Model([a, b], keras.layers.Concatenate()([inner(a), steps]))
    before = [weight.numpy() for weight in model.weights]
    with pytest.raises(LoadError, match=f"'{weights}': layer 'lstm.*{told}"):
        load_weights(model, saved / weights)
    assert all(np.array_equal(old, weight.numpy()) for old, weight in zip(before, model.weights, strict=True))


def test_by_topology_another_number_of_layers_is_told(saved) -> None:
    told = r"weights for 2 layers \(inner, lstm\); the architecture has 3 layers with weights \(lstm, head, more\)"
    model = another(units=2)
    longer = keras.Model(model.input, keras.layers.Dense(1, name="more")(model.output))
    with pytest.raises(LoadError, match=told):
        load_weights(longer, saved / "small.h5")


def test_yaml_that_would_call_python_is_refused(tmp_path, saved) -> None:
    (tmp_path / "small.yaml").write_text(
        "class_name: !!python/object/apply:os.system ['touch mark']\nconfig: {}\n"
    )
    with pytest.raises(LoadError, match="python/object/apply"):
        open_model(saved / "small.weights.h5", architecture=tmp_path / "small.yaml")


def test_an_architecture_without_weights(tmp_path, small) -> None:
    (tmp_path / "small.json").write_text(small.to_json())
    with pytest.raises(LoadError, match="an architecture without weights; put a weights file beside it"):
        open_model(tmp_path / "small.json")


def test_an_architecture_that_is_none(tmp_path, saved) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["cat", "dog"]))
    with pytest.raises(
        LoadError, match="holds no architecture; expected an object with class_name and config"
    ):
        open_model(saved / "small.weights.h5", architecture=tmp_path / "labels.json")
