"""A stateful model, built and served: each call is a sequence of its own, for any number of rows."""

import keras
import numpy as np
import pytest
from keras import layers

from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.worker.engines import engine_named

CHUNKS = [
    np.random.default_rng(seed).normal(size=(rows, 5, 2)).astype("f4") for seed, rows in enumerate((2, 1, 7))
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The artifact, and what each chunk gives when the states are reset before it, row by row."""
    folder = tmp_path_factory.mktemp("stateful")
    keras.utils.set_random_seed(3)
    inputs = keras.Input(batch_shape=(2, 5, 2), name="x")
    x = layers.GRU(4, stateful=True, return_sequences=True)(inputs)
    model = keras.Model(inputs, layers.Bidirectional(layers.LSTM(3, stateful=True), name="y")(x))
    model.save(folder / "model.keras")
    wanted = [np.concatenate([_alone(model, row) for row in chunk]) for chunk in CHUNKS]
    target = folder / "artifact"
    target.mkdir()
    order = BuildOrder(target=str(target), scratch=str(folder), name="stateful")
    build(order, folder / "model.keras", None)
    return Artifact(target), wanted


def _alone(model, row):
    for layer in model._flatten_layers():
        if hasattr(layer, "reset_states"):
            layer.reset_states()
    return model.predict_on_batch(np.stack([row, row]))[:1]


def test_the_artifact_tells_its_states(built):
    artifact, _ = built
    assert artifact.refused is None
    assert [state.shape for state in artifact.states] == [(None, 4), *[(None, 3)] * 4]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "keras"])
def test_every_engine_begins_anew_in_every_call(engine, built):
    artifact, wanted = built
    program = engine_named(engine).load(artifact, ["y"], 1)
    for chunk, right in zip(CHUNKS * 2, wanted * 2, strict=True):
        (got,) = program.run({"x": chunk})
        np.testing.assert_allclose(got, right, atol=1e-5)
