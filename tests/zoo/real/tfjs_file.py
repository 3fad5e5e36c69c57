"""A model of TensorFlow.js that was made from a Keras file, written as that file: HDF5 of Keras 2.2.4."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_ORDER = ("kernel", "depthwise_kernel", "gamma", "bias", "beta", "moving_mean", "moving_variance")
"""How Keras 2 ordered the weights of the layers that are here."""


def write_hdf5(folder: Path, path: Path) -> None:
    """The whole model in a folder of CommonJS modules, its weights made float again."""
    model = _required(folder / "model.min.js")
    topology, (manifest,) = model["modelTopology"], model["weightsManifest"]
    content = b"".join(base64.b64decode(_required(folder / f"{name}.min.js")) for name in manifest["paths"])
    arrays = dict(_arrays(manifest["weights"], content))
    names = [layer["name"] for layer in topology["model_config"]["config"]["layers"]]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(topology["model_config"]).encode()
        file.attrs["keras_version"] = topology["keras_version"].encode()
        file.attrs["backend"] = topology["backend"].encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [name.encode() for name in names]
        for name in names:
            group = weights.create_group(name)
            own = [f"{name}/{part}" for part in _ORDER if f"{name}/{part}" in arrays]
            group.attrs["weight_names"] = [f"{one}:0".encode() for one in own]
            for one in own:
                group.create_dataset(f"{one}:0", data=arrays.pop(one))
    assert not arrays, f"weights of no layer: {', '.join(arrays)}"


def _required(path: Path) -> Any:
    """What a module exports; Node reads it, since its objects are no JSON."""
    code = "process.stdout.write(JSON.stringify(require(process.argv[1])))"
    done = subprocess.run(["node", "-e", code, str(path)], check=True, capture_output=True)
    return json.loads(done.stdout)


def _arrays(entries: list[dict[str, Any]], content: bytes) -> Any:
    start = 0
    for entry in entries:
        quantized = entry.get("quantization")
        dtype = np.dtype(quantized["dtype"] if quantized else entry["dtype"])
        count = int(np.prod(entry["shape"]))
        array = np.frombuffer(content, dtype, count, start).reshape(entry["shape"])
        start += count * dtype.itemsize
        if quantized:
            array = (array * quantized["scale"] + quantized["min"]).astype(np.float32)
        yield entry["name"], array
    assert start == len(content)
