"""Files opened by what they are, and what is told about those that cannot be."""

import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.files import load
from horngate.zoo.safety import examine


def same_answers(model, other):
    x = [np.full((3, 4), 0.5, "f4"), np.full((3, 4), -0.5, "f4")]
    return np.array_equal(model(x, training=False), other(x, training=False))


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_a_model_comes_back(name, saved, small):
    model = load(saved / name)
    assert same_answers(model, small)
    assert not model.compiled


@pytest.mark.parametrize(
    ("name", "disguise"), [("small.h5", "small.keras"), ("small.keras", "small.h5"), ("small.h5", "model")]
)
def test_the_content_decides_the_format(name, disguise, saved, small, tmp_path):
    shutil.copy(saved / name, tmp_path / disguise)
    assert same_answers(load(tmp_path / disguise), small)


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_a_truncated_file(name, saved, tmp_path):
    whole = (saved / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadError, match=f"'{name}' is a damaged .*copy it again"):
        load(tmp_path / name)


def test_a_damaged_archive(saved, tmp_path):
    content = bytearray((saved / "small.keras").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "small.keras").write_bytes(content)
    with pytest.raises(LoadError, match="wrong checksum"):
        load(tmp_path / "small.keras")


def test_weights_alone(saved):
    with pytest.raises(LoadError, match=r"weights without an architecture.*save the whole model"):
        load(saved / "small.weights.h5")


def test_another_file(tmp_path):
    (tmp_path / "notes.h5").write_text("notes")
    with pytest.raises(LoadError, match=r"'notes.h5' starts with b'notes'; expected a Keras model"):
        load(tmp_path / "notes.h5")


def test_no_file(tmp_path):
    with pytest.raises(LoadError, match=r"'none.h5' cannot be opened: No such file"):
        load(tmp_path / "none.h5")


def test_code_in_a_file_is_not_run(tmp_path):
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(tmp_path / "code.keras")
    with pytest.raises(LoadError, match=r"'code.keras': .*Lambda"):
        load(tmp_path / "code.keras")


def test_vocabularies_beside_the_configuration(tmp_path):
    """TensorFlow 2.12 to 2.15 kept an adapted layer's vocabulary in a file of its own inside the archive."""
    vocabulary = {
        "class_name": "StringLookup",
        "config": {"name": "words", "vocabulary": None, "num_oov_indices": 1},
    }
    given = {
        "class_name": "InputLayer",
        "config": {"batch_input_shape": [None, 1], "dtype": "string", "name": "text"},
    }
    config = {"class_name": "Sequential", "config": {"name": "lookup", "layers": [given, vocabulary]}}
    with h5py.File(tmp_path / "weights.h5", "w") as weights:
        weights.create_group("layers/string_lookup/vars")
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        archive.writestr("assets/layers/string_lookup/vocabulary.txt", "[UNK]\nhorn\ngate")
        archive.write(tmp_path / "weights.h5", "model.weights.h5")
    model = load(tmp_path / "model.keras")
    assert np.asarray(model(keras.ops.convert_to_tensor([["gate"], ["ivory"]]))).tolist() == [[2], [0]]


@pytest.mark.parametrize("kind", ["several axes", "operations"])
def test_hdf5_that_todays_keras_writes_and_cannot_load(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("absl.logging.warning", lambda *_, **__: None)  # "HDF5 is a legacy format"
    x = keras.Input((4, 6))
    if kind == "several axes":
        y = keras.layers.LayerNormalization(axis=[1, 2])(x)
    else:
        y = keras.ops.concatenate([keras.ops.mean(x, axis=1), keras.ops.relu(x * 2.0 + 1.0)[:, 0]], axis=-1)
    model = keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))
    model.save(tmp_path / "model.h5")
    assert not examine(tmp_path / "model.h5").unsafe
    given = np.linspace(-1, 1, 48, dtype="f4").reshape(2, 4, 6)
    assert np.array_equal(load(tmp_path / "model.h5")(given), model(given))
