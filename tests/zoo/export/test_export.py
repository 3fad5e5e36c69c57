"""Every format is written whole, and what is written answers as the model that it was made of."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from keras import layers

from horngate.contract.errors import LoadError
from horngate.zoo.export import FORMATS, export, format_of
from horngate.zoo.export import packing as packing_module

ROWS = np.random.default_rng(0).normal(size=(3, 8)).astype("f4")


@pytest.fixture
def model():
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,), name="x")
    x = layers.BatchNormalization()(layers.Dense(64, name="wide")(inputs))
    return keras.Model(inputs, layers.Dense(3, name="last")(layers.ReLU(name="positive")(x)), name="small")


def answer(model):
    return np.asarray(model(ROWS, training=False))


def by_onnxruntime(path):
    return onnxruntime.InferenceSession(path).run(None, {"x": ROWS})


def built_from(text):
    return keras.models.model_from_json(json.dumps(text))


def reload_json(path, model):
    made = built_from(json.loads(path.read_text()))
    made.set_weights(model.get_weights())
    return answer(made)


def reload_yaml(path, model):
    made = built_from(yaml.safe_load(path.read_text()))
    made.set_weights(model.get_weights())
    return answer(made)


def reload_weights(path, model):
    made = keras.models.clone_model(model)
    made.load_weights(path)
    return answer(made)


def reload_saved_model(path, model):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return np.asarray(loaded.serve(ROWS))


WAYS_BACK = {
    "onnx": ("m.onnx", lambda path, model: by_onnxruntime(path)[0]),
    "keras": ("m.keras", lambda path, model: answer(keras.models.load_model(path))),
    "hdf5": ("m.h5", lambda path, model: answer(keras.models.load_model(path, compile=False))),
    "weights": ("m.weights.h5", reload_weights),
    "legacy-weights": ("m.h5", reload_weights),
    "json": ("m.json", reload_json),
    "yaml": ("m.yaml", reload_yaml),
    "saved-model": ("m", reload_saved_model),
}


def test_every_format_has_a_way_back():
    assert set(WAYS_BACK) == set(FORMATS)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", WAYS_BACK)
def test_a_file_answers_as_its_model(name, model, tmp_path):
    file, reload = WAYS_BACK[name]
    exported = export(model, tmp_path / file, name)
    assert exported.format == name
    assert exported.files == (tmp_path / file,)
    assert exported.file_bytes > 0
    assert [one.name for one in tmp_path.iterdir()] == [file]
    np.testing.assert_allclose(reload(tmp_path / file, model), answer(model), rtol=1e-5, atol=1e-6)


def test_weights_as_keras_2_laid_them_out(model, tmp_path):
    export(model, tmp_path / "old.h5", "legacy-weights")
    with h5py.File(tmp_path / "old.h5") as file:
        assert "wide" in [
            one.decode() if isinstance(one, bytes) else one for one in file.attrs["layer_names"]
        ]
        assert "model_config" not in file.attrs


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.onnx", "onnx"),
        ("a.weights.h5", "weights"),
        ("a.h5", "hdf5"),
        ("a.hdf5", "hdf5"),
        ("a.yml", "yaml"),
    ],
)
def test_the_ending_tells_the_format(name, format):
    assert format_of(Path(name)) == format


def test_layers_as_outputs_of_onnx(model, tmp_path):
    exported = export(model, tmp_path / "m.onnx", outputs=["positive", "last"])
    hidden, last = by_onnxruntime(tmp_path / "m.onnx")
    assert [one.name for one in exported.graph.outputs] == ["positive", "last"]
    assert hidden.shape == (3, 64)
    np.testing.assert_allclose(last, answer(model), rtol=1e-5, atol=1e-6)
    assert exported.graph.difference < 1e-5


def test_an_onnx_file_is_small_and_clean(model, tmp_path):
    report = export(model, tmp_path / "m.onnx").graph
    proto = onnx.load(tmp_path / "m.onnx")
    assert [node.op_type for node in proto.graph.node] == ["Gemm", "Relu", "Gemm"]
    assert [(one.domain, one.version) for one in proto.opset_import] == [("", report.opset)]
    assert onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)


def test_two_files_where_one_is_too_small(model, tmp_path, monkeypatch):
    """The same path that more than 2 GB take, with a lower bound."""
    monkeypatch.setattr(packing_module.pack, "__defaults__", (1000,))
    exported = export(model, tmp_path / "m.onnx")
    assert exported.files == (tmp_path / "m.onnx", tmp_path / "m.onnx.data")
    assert (tmp_path / "m.onnx").stat().st_size < 3000
    np.testing.assert_allclose(by_onnxruntime(tmp_path / "m.onnx")[0], answer(model), rtol=1e-5, atol=1e-6)
    with pytest.raises(LoadError, match="exists"):
        export(model, tmp_path / "m.onnx")
    (tmp_path / "m.onnx").unlink()
    with pytest.raises(LoadError, match=r"m\.onnx\.data' exists"):
        export(model, tmp_path / "m.onnx")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.onnx.data"]
    export(model, tmp_path / "m.onnx", force=True)


def test_strings_integers_and_free_sizes(tmp_path):
    words = keras.Input((None,), dtype="int32", name="words")
    kinds = keras.Input((1,), dtype="string", name="kind")
    x = layers.LSTM(3)(layers.Embedding(4, 3, mask_zero=True)(words))
    y = layers.StringLookup(vocabulary=["the", "gate"], output_mode="one_hot")(kinds)
    model = keras.Model(
        [words, kinds], {"y": layers.Concatenate()([x, y]), "most": keras.ops.argmax(x, axis=-1)}
    )
    exported = export(model, tmp_path / "m.onnx")
    assert {one.name for one in exported.graph.outputs} == {"y", "most"}


def test_nothing_is_replaced_unless_forced(model, tmp_path):
    path = tmp_path / "m.json"
    path.write_text("mine")
    with pytest.raises(LoadError, match="exists; choose another name, or replace it with --force"):
        export(model, path)
    assert path.read_text() == "mine"
    export(model, path, force=True)
    assert json.loads(path.read_text())["config"]["name"] == "small"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_is_replaced_whole(model, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "old").write_text("")
    export(model, tmp_path / "m", "saved-model", force=True)
    assert (tmp_path / "m" / "saved_model.pb").exists()
    assert not (tmp_path / "m" / "old").exists()


class Unwritable(layers.Layer):
    """Its configuration cannot be told."""

    def call(self, x):
        return keras.ops.linalg.inv(x)

    def get_config(self):
        raise NotImplementedError("not this one")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("m.json", "needs a get_config"),
        ("m.onnx", "has no ONNX form: layer 'unwritable'"),
        ("m.txt", "does not tell"),
    ],
)
def test_what_fails_leaves_nothing_and_says_why(name, what, tmp_path):
    inputs = keras.Input((2, 2))
    model = keras.Model(inputs, Unwritable(name="unwritable")(inputs))
    with pytest.raises(LoadError, match=what):
        export(model, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_wrong_requests(model, tmp_path):
    with pytest.raises(LoadError, match="no layer output is named 'positiv'; near matches: positive"):
        export(model, tmp_path / "m.onnx", outputs=["positiv"])
    with pytest.raises(LoadError, match="outputs are chosen for onnx alone"):
        export(model, tmp_path / "m.json", outputs=["last"])
    with pytest.raises(LoadError, match="there is no folder"):
        export(model, tmp_path / "missing" / "m.json")
    with pytest.raises(LoadError, match="no format is named 'pickle'"):
        export(model, tmp_path / "m.json", "pickle")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_answers_otherwise_is_not_handed_out(model, tmp_path, monkeypatch):
    from horngate.zoo.convert.registry import _CONVERTERS

    dense = _CONVERTERS[layers.Dense]
    wrong = lambda graph, layer, x: graph.op("Neg", dense(graph, layer, x))  # noqa: E731
    monkeypatch.setitem(_CONVERTERS, layers.Dense, wrong)
    with pytest.raises(LoadError, match="differs from Keras by"):
        export(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
