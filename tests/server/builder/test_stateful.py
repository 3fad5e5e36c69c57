"""A stateful model, built: each call a sequence of its own, or a step of one, for any number of rows."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from horngate.server.artifact import Artifact
from horngate.server.builder.following import following
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.reference import KerasModel
from horngate.server.worker.engines import engine_named
from horngate.server.worker.reference import Reference
from horngate.zoo.describe import describe
from horngate.zoo.stateful import kept_by

ENGINES = ["onnxruntime", "openvino", "keras"]
CHUNKS = [
    np.random.default_rng(seed).normal(size=(rows, 5, 2)).astype("f4") for seed, rows in enumerate((2, 1, 7))
]
WINDOWS = [np.random.default_rng(seed).normal(size=(2, 5, 2)).astype("f4") for seed in (10, 11, 12)]


def saved(model, folder: Path) -> Artifact:
    model.save(folder / "model.keras")
    target = folder / "artifact"
    target.mkdir()
    build(BuildOrder(target=str(target), scratch=str(folder), name="stateful"), folder / "model.keras", None)
    return Artifact(target)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The artifact; what each chunk gives, row by row, after a reset; what windows give that follow one another."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input(batch_shape=(2, 5, 2), name="x")
    x = layers.GRU(4, stateful=True, return_sequences=True, name="gru")(inputs)
    model = keras.Model(inputs, layers.Bidirectional(layers.LSTM(3, stateful=True), name="y")(x))
    anew = [np.concatenate([_alone(model, row) for row in chunk]) for chunk in CHUNKS]
    _reset(model)
    on = [model.predict_on_batch(window) for window in WINDOWS]
    return saved(model, tmp_path_factory.mktemp("stateful")), anew, on


def _reset(model):
    for layer in model._flatten_layers():
        if hasattr(layer, "reset_states"):
            layer.reset_states()


def _alone(model, row):
    _reset(model)
    return model.predict_on_batch(np.stack([row, row]))[:1]


def test_the_artifact_tells_its_states(built):
    artifact = built[0]
    assert artifact.refused is None
    assert artifact.alone is None
    assert [state.shape for state in artifact.carried] == [(None, 4), *[(None, 3)] * 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_begins_anew_in_every_call(engine, built):
    artifact, anew, _ = built
    program = engine_named(engine).load(artifact, ["y"], 1)
    for chunk, right in zip(CHUNKS * 2, anew * 2, strict=True):
        (got,) = program.run({"x": chunk})
        np.testing.assert_allclose(got, right, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_goes_on_from_given_states_for_any_number_of_rows(engine, built):
    artifact, _, on = built
    names = [state.output for state in artifact.carried]
    program = engine_named(engine).load(artifact, ["y", *names], 1)
    assert Reference.read(artifact).error_of_step(program) < 1e-5
    three = [np.concatenate([window, window[:1]]) for window in WINDOWS]
    states = [np.repeat(row, 3, axis=0) for row in Reference.read(artifact).begin]
    for window, right in zip(three, on, strict=True):
        fed = {state.input: array for state, array in zip(artifact.carried, states, strict=True)}
        got, *states = program.run({"x": window, **fed})
        np.testing.assert_allclose(got, np.concatenate([right, right[:1]]), atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_layer_before_the_states_is_answered_and_the_states_go_on(engine, built):
    artifact, _, on = built
    names = [state.output for state in artifact.carried]
    program = engine_named(engine).load(artifact, ["gru", *names], 1)
    states = [np.repeat(row, 2, axis=0) for row in Reference.read(artifact).begin]
    fed = {state.input: array for state, array in zip(artifact.carried, states, strict=True)}
    _, *states = program.run({"x": WINDOWS[0], **fed})
    fed = {state.input: array for state, array in zip(artifact.carried, states, strict=True)}
    whole = engine_named(engine).load(artifact, ["y", *names], 1)
    np.testing.assert_allclose(whole.run({"x": WINDOWS[1], **fed})[0], on[1], atol=1e-5)


def test_a_model_that_cannot_be_stepped_through_says_why():
    inputs = keras.Input(batch_shape=(2, 5, 2), name="x")
    half = layers.LSTM(3, stateful=True, dtype="bfloat16", recurrent_initializer="zeros", name="y")
    model = keras.Model(inputs, half(inputs))
    kept = kept_by(model)
    spec = describe(model)
    outputs = KerasModel(model, spec)([WINDOWS[0]])
    assert "bfloat16" in str(following(model, spec, kept, ([WINDOWS[0]], outputs), 1e-5))
    model = keras.Model(inputs, layers.LSTM(3, stateful=True, name="y")(inputs))
    kept = kept_by(model)
    outputs = [array + 1 for array in KerasModel(model, spec)([WINDOWS[0]])]
    assert "its first step differs" in str(following(model, spec, kept, ([WINDOWS[0]], outputs), 1e-5))


def stacked():
    x = keras.Input(batch_shape=(2, 5, 2), name="x")
    y = layers.SimpleRNN(4, stateful=True, return_sequences=True)(layers.Masking()(x))
    return keras.Model(x, layers.LSTM(3, stateful=True, name="y")(y))


def convolutional():
    x = keras.Input(batch_shape=(2, 3, 6, 6, 1), name="x")
    return keras.Model(x, layers.ConvLSTM2D(2, 3, padding="same", stateful=True, name="y")(x))


@pytest.mark.parametrize("make", [stacked, convolutional])
def test_faq_14_each_engine_takes_the_second_step_as_keras_does(make, tmp_path):
    artifact = saved(make(), tmp_path)
    assert artifact.refused is None
    assert artifact.alone is None
    outputs = ["y", *(state.output for state in artifact.carried)]
    for engine in ENGINES:
        program = engine_named(engine).load(artifact, outputs, 1)
        assert Reference.read(artifact).error_of_step(program) < 1e-5, engine
