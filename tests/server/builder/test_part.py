"""A part of a model, built: the artifact holds no more, and every engine answers as Keras's own sub-model."""

import keras
import numpy as np
import pytest
from keras import layers

from horngate.contract.errors import InvalidRequest
from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.worker.engines import engine_named

ROWS = np.linspace(-1, 1, 24, dtype="f4").reshape(3, 8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The model, and the file that it was saved in."""
    keras.utils.clear_session(free_memory=False)
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(6, name="deep"), layers.Dense(5)], name="inner")
    x = keras.Input((8,), name="x")
    model = keras.Model(x, layers.Dense(2, name="last")(layers.ReLU(name="act")(inner(x))))
    file = tmp_path_factory.mktemp("whole") / "model.keras"
    model.save(file)
    return model, file


def built(folder, file, **shaped):
    target = folder / "artifact"
    target.mkdir()
    order = BuildOrder(target=str(target), scratch=str(folder), name="part", **shaped)
    build(order, file, None)
    return Artifact(target)


@pytest.mark.parametrize(
    ("shaped", "output", "layer"),
    [
        ({"output": ["inner/deep"]}, "inner/deep", lambda model: model.get_layer("inner").layers[0]),
        ({"output": ["layer:-2"]}, "act", lambda model: keras.Sequential(model.layers[1:3])),
        ({"pop": 2}, "inner", lambda model: model.get_layer("inner")),
        ({"pop": [["last", 2]]}, "inner", lambda model: model.get_layer("inner")),
    ],
)
def test_every_engine_gives_the_new_output(tmp_path, whole, shaped, output, layer):
    model, file = whole
    artifact = built(tmp_path, file, **shaped)
    assert artifact.refused is None
    assert [one.name for one in artifact.spec.outputs] == [output]
    assert "last" not in artifact.spec.requestable
    for engine in ("onnxruntime", "openvino", "keras"):
        (got,) = engine_named(engine).load(artifact, [output], 1).run({"x": ROWS})
        np.testing.assert_allclose(got, layer(model)(ROWS), atol=1e-5)


def test_a_layer_that_is_not_there_is_told(tmp_path, whole):
    with pytest.raises(InvalidRequest, match="model 'inner': no layer 'deeep'; expected one of 'deep'"):
        built(tmp_path, whole[1], output=["inner/deeep"])
