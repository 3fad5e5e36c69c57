"""Keras files written by hand, whole or hostile: h5py, zipfile and json alone, so that nothing here is Keras's."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 2 writes it."""
    return {"class_name": class_name, "config": {"name": name, **config}}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """A model of four inputs and the layers."""
    first = layer("InputLayer", "x", batch_input_shape=[None, 4], dtype="float32")
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


DENSE = layer("Dense", "dense", units=3, activation="relu")
GOOD = sequential(DENSE)
WEIGHTS = {"kernel": np.ones((4, 3), "f4"), "bias": np.zeros(3, "f4")}


def hdf5(path: Path, config: Any = GOOD, *, raw: str | None = None) -> Path:
    """A whole model in HDF5; `raw` is its configuration as text."""
    with h5py.File(path, "w") as file:
        fill(file, config, raw)
    return path


def fill(file: h5py.File, config: Any = GOOD, raw: str | None = None) -> h5py.Group:
    """A whole model in an open file; the group of the dense layer."""
    file.attrs["model_config"] = raw if raw is not None else json.dumps(config)
    file.attrs["keras_version"] = "2.15.0"
    file.attrs["backend"] = "tensorflow"
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = np.array([b"dense"])
    group = weights.create_group("dense")
    group.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
    inner = group.create_group("dense")
    for name, values in WEIGHTS.items():
        inner.create_dataset(f"{name}:0", data=values)
    return inner


def keras3(config: Any) -> Any:
    """A configuration with the modules that Keras 3 notes."""
    if isinstance(config, dict):
        noted = {key: keras3(value) for key, value in config.items()}
        if "class_name" in noted and "module" not in noted:
            module = "keras" if noted["class_name"] == "Sequential" else "keras.layers"
            noted |= {"module": module, "registered_name": None}
        if noted.get("class_name") == "InputLayer":
            noted["config"]["batch_shape"] = noted["config"].pop("batch_input_shape", [None, 4])
        return noted
    return [keras3(one) for one in config] if isinstance(config, list) else config


def weights_content() -> bytes:
    """What `model.weights.h5` holds."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables.attrs["name"] = "dense"
        for index, values in enumerate(WEIGHTS.values()):
            variables.create_dataset(str(index), data=values)
    return content.getvalue()


def archive(
    path: Path, config: Any = GOOD, *, members: dict[str, bytes] | None = None, weights: bytes | None = None
) -> Path:
    """A `.keras` archive; `members` are added to those that Keras writes."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", json.dumps(keras3(config)))
        file.writestr("model.weights.h5", weights if weights is not None else weights_content())
        for name, content in (members or {}).items():
            file.writestr(name, content)
    return path
