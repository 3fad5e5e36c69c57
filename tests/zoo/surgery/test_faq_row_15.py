"""FAQ row 15: "How can I remove a layer from a Sequential model?", and what else can be done to loaded models."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.contract.errors import InvalidRequest
from horngate.zoo.describe import describe
from horngate.zoo.files import load
from horngate.zoo.submodel import submodel
from horngate.zoo.surgery import end_at, graft, insert, pop, remove, replace

layers = keras.layers
ROWS = np.linspace(-1, 1, 32, dtype="f4").reshape(4, 8)


@pytest.fixture(autouse=True)
def _names() -> None:
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(3)


def chain() -> Any:
    """Sequential: 8 values, `one`, `two`, `three`."""
    return keras.Sequential(
        [
            keras.Input((8,), name="x"),
            layers.Dense(6, "tanh", name="one"),
            layers.Dropout(0.5, name="two"),
            layers.Dense(3, name="three"),
        ],
        name="chain",
    )


def branched() -> Any:
    """Two inputs, a chain nested and called on both, a residual block, two outputs by name."""
    a, b = keras.Input((8,), name="a"), keras.Input((8,), name="b")
    inner = chain()
    left, right = inner(a), inner(b)
    both = layers.Concatenate(name="both")([left, right])
    wide = layers.Dense(6, "relu", name="wide")(both)
    added = layers.Add(name="added")([both, wide])
    normal = layers.BatchNormalization(name="normal")(added)
    score = layers.Dense(1, name="score")(normal)
    kind = layers.Dense(4, "softmax", name="kind")(layers.Dense(5, name="hidden")(left))
    return keras.Model({"a": a, "b": b}, {"score": score, "kind": kind}, name="branched")


def names(model: Any) -> list[str]:
    return [layer.name for layer in describe(model).layers]


def check(answers: Any, original: Any, outputs: list[str], inputs: Any) -> None:
    """The answers are those of Keras's own sub-model of the original."""
    expected = keras.tree.flatten(submodel(original, outputs)(inputs, training=False))
    for answer, wanted in zip(keras.tree.flatten(answers), expected, strict=True):
        np.testing.assert_allclose(answer, wanted, atol=1e-6)


def saved(model: Any, folder: Path) -> list[Any]:
    """The model as Horngate loads it, from .keras and .h5."""
    files = [folder / "model.keras", folder / "model.h5"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("absl.logging.warning", lambda *_, **__: None)  # "HDF5 is a legacy format"
        for file in files:
            model.save(file)
    return [load(file) for file in files]


def test_the_faqs_own_example() -> None:
    model = keras.Sequential()
    model.add(keras.Input((784,)))
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(32, activation="relu"))
    assert len(model.layers) == 2
    popped = pop(model)
    assert isinstance(popped, keras.Sequential)
    assert len(popped.layers) == 1
    assert popped.layers[0] is model.layers[0]
    model.pop()
    rows = np.ones((2, 784), "f4")
    np.testing.assert_array_equal(popped(rows), model(rows))


def test_pop_of_a_sequential_model(tmp_path: Path) -> None:
    model = chain()
    popped = pop(model, 2)
    assert names(popped) == ["x", "one"]
    for one in (popped, *saved(popped, tmp_path)):
        assert isinstance(one, keras.Sequential)
        assert (one.name, one.count_params()) == ("chain", 8 * 6 + 6)
        check(one(ROWS, training=False), model, ["one"], [ROWS])


def test_pop_of_one_of_several_outputs(tmp_path: Path) -> None:
    model = branched()
    popped = pop(model, {"score": 2})
    assert [output.name for output in describe(popped).outputs] == ["kind", "score"]
    assert not {"score", "normal"} & set(names(popped))
    inputs = {"a": ROWS, "b": ROWS[::-1]}
    for one in (popped, *saved(popped, tmp_path)):
        answer = one(inputs, training=False)
        check([answer["score"], answer["kind"]], model, ["added", "kind"], inputs)


def test_inputs_that_nothing_needs_are_gone(tmp_path: Path) -> None:
    model = branched()
    ended = end_at(model, "hidden")
    assert [tensor.name for tensor in describe(ended).inputs] == ["a"]
    for one in (ended, *saved(ended, tmp_path)):
        check(one({"a": ROWS}, training=False), model, ["hidden"], {"a": ROWS, "b": ROWS})


@pytest.mark.parametrize(
    "ends",
    [
        ["chain/one"],
        ["chain:1/one"],
        ["chain/two", "chain:1/one"],
        ["chain/one", "added"],
        ["chain:1/three", "kind", "chain/one", "chain"],
    ],
)
def test_an_end_inside_a_nested_model(ends: list[str], tmp_path: Path) -> None:
    model = branched()
    ended = end_at(model, *ends)
    whole = {"a": ROWS, "b": ROWS[::-1]}
    for one in (ended, *saved(ended, tmp_path)):
        inputs = {tensor.name: whole[tensor.name] for tensor in describe(one).inputs}
        check(one(inputs, training=False), model, ends, whole)
    assert ("chain/three" in names(ended)) == (len(ends) > 2 or "added" in ends)


def test_a_new_head_is_trained_and_what_was_there_is_shared() -> None:
    model = chain()
    headed = graft(pop(model), [layers.Dense(5, "relu", name="neck"), layers.Dense(2, name="head")])
    assert isinstance(headed, keras.Sequential)
    headed.compile("sgd", "mse")
    before = model.get_layer("one").kernel.numpy()
    headed.fit(ROWS, np.ones((4, 2)), verbose=0)
    assert headed.get_layer("one") is model.get_layer("one")
    assert not np.array_equal(before, model.get_layer("one").kernel.numpy())


def test_another_model_beside_the_outputs(tmp_path: Path) -> None:
    head = keras.Sequential([keras.Input((6,)), layers.Dense(2, name="first")], name="head")
    model = branched()
    headed = graft(model, head, on="wide", beside=True)
    assert [output.name for output in describe(headed).outputs] == ["kind", "score", "head"]
    inputs = {"a": ROWS, "b": ROWS[::-1]}
    kind, score, wide = submodel(model, ["kind", "score", "wide"])(inputs, training=False)
    for one in (headed, *saved(headed, tmp_path)):
        for answer, wanted in zip(one(inputs, training=False), (kind, score, head(wide)), strict=True):
            np.testing.assert_allclose(answer, wanted, atol=1e-6)


def test_layers_put_in_and_taken_out(tmp_path: Path) -> None:
    model = branched()
    inputs = {"a": ROWS, "b": ROWS[::-1]}
    longer = insert(model, layers.Rescaling(2.0, name="twice"), after="a")
    doubled = {"a": 2 * ROWS, "b": ROWS[::-1]}
    for one in (longer, *saved(longer, tmp_path)):
        answers, wanted = one(inputs, training=False), model(doubled, training=False)
        for name in ("kind", "score"):
            np.testing.assert_allclose(answers[name], wanted[name], atol=1e-6)
    again = remove(longer, "twice")
    assert sorted(names(again)) == sorted(names(model))
    np.testing.assert_allclose(again(inputs, training=False)["kind"], model(inputs, training=False)["kind"])


def test_a_nested_layer_is_replaced_in_every_call(tmp_path: Path) -> None:
    model = branched()
    changed = replace(model, "chain/one", layers.Dense(6, "relu", name="other"))
    assert "chain/other" in names(changed)
    assert "chain:1/other" in names(changed)
    other = changed.get_layer("chain").get_layer("other")
    three = model.get_layer("chain").get_layer("three")
    answer = changed({"a": ROWS, "b": ROWS}, training=False)["kind"]
    left = three(other(ROWS))
    kind = model.get_layer("kind")(model.get_layer("hidden")(left))
    np.testing.assert_allclose(answer, kind, atol=1e-6)
    for one in saved(changed, tmp_path):
        np.testing.assert_allclose(one({"a": ROWS, "b": ROWS}, training=False)["kind"], kind, atol=1e-6)


def test_masks_are_made_anew() -> None:
    steps = keras.Sequential(
        [
            keras.Input((6, 2), name="x"),
            layers.Masking(name="hidden"),
            layers.Dropout(0.1, name="noise"),
            layers.LSTM(3, name="lstm"),
        ]
    )
    rows = np.ones((1, 6, 2), "f4")
    rows[:, 3:] = 0
    unmasked = remove(steps, "hidden")
    assert isinstance(unmasked, keras.Sequential)
    lstm = steps.get_layer("lstm")
    np.testing.assert_allclose(steps(rows, training=False), lstm(rows[:, :3]), atol=1e-6)
    np.testing.assert_allclose(unmasked(rows, training=False), lstm(rows), atol=1e-6)
    kept = remove(steps, "noise")
    np.testing.assert_allclose(kept(rows, training=False), lstm(rows[:, :3]), atol=1e-6)


def test_states_and_frozen_layers_stay_as_they_are() -> None:
    model = chain()
    model.get_layer("one").trainable = False
    changed = graft(pop(model), layers.Dense(2, name="head"))
    assert [weight.path for weight in changed.trainable_weights] == ["head/kernel", "head/bias"]


@pytest.mark.parametrize(
    ("operate", "said"),
    [
        (lambda: pop(chain(), 4), "model 'chain': received 4 layers to pop; there are 3 before its input"),
        (lambda: pop(chain(), 0), "received 0 layers to pop; expected 1 or more"),
        (lambda: pop(branched()), "has the outputs 'kind', 'score'; say how many layers to pop"),
        (lambda: pop(branched(), {"wide": 1}), "pop names output 'wide'; expected one of 'kind', 'score'"),
        (lambda: pop(branched(), {"score": 3}), "'added' reads 2 others.*to be the output instead: 'both', 'wide'"),
        (lambda: end_at(chain(), "tree"), "no layer 'tree'; expected one of 'three'"),
        (lambda: end_at(branched(), "chain/tree"), "no layer 'tree'; expected one of 'three'"),
        (lambda: remove(branched(), "added"), "'added' reads 2 tensors and makes 1; only a layer with one"),
        (lambda: remove(chain(), "one"), "'three' does not take what reaches it now: .*axis -1"),
        (lambda: remove(chain(), "x"), "'x' is an input; expected a layer that computes something"),
        (lambda: graft(chain(), layers.Dense(2, name="one")), "a layer 'one' already; give the new one another"),
        (lambda: graft(branched(), layers.Dense(2)), "the outputs 'kind', 'score'; say which to graft on"),
        (lambda: graft(chain(), layers.Conv2D(2, 3, name="c")), r"'c' does not take \(None, 3\): .*ndim"),
        (lambda: replace(branched(), "wide/in", layers.Dense(2)), "'wide' is no model that has layers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_explained(operate: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        operate()
