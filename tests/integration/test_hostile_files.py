"""Files that would take the server with them, each in the same folder as a good one: each costs itself alone."""

import base64
import marshal
import resource
from pathlib import Path

import h5py
import numpy as np

from horngate.client import Client
from tests.integration.conftest import Start
from tests.integration.processes import titles
from tests.zoo.safety.files import DENSE, archive, fill, hdf5, layer, sequential
from tests.zoo.safety.hostile import HOSTILE, left_behind, old_function

BUILD_MEMORY_MIB = 3000

SHOWN = ("lambda in HDF5", "external link", "64 GiB shape", "path traversal", "vocabulary path", "brackets")
"""Refused by the checks; the others of their kind are tried without a server."""


def recurrent(path: Path, steps: int) -> Path:
    """A small, whole, honest file of a network that repeats its input so many times.

    What a formula makes of a shape is not worked out before Keras does it.
    """
    code = old_function(bytes([124, 0, 100, 0, 20, 0, 83, 0]), (1.0,), ())
    formula = layer("Lambda", "formula", function=[code, None, None], function_type="lambda", arguments={})
    repeat = layer("RepeatVector", "repeat", n=steps)
    config = sequential(formula, repeat, layer("SimpleRNN", "dense", units=1, activation="tanh"))
    with h5py.File(path, "w") as file:
        group = fill(file, config)
        for name in list(group):
            del group[name]
        names = ("kernel", "recurrent_kernel", "bias")
        for name, shape in zip(names, ((4, 1), (1, 1), (1,)), strict=True):
            group.create_dataset(f"{name}:0", data=np.ones(shape, "f4"))
        group.parent.attrs["weight_names"] = np.array([f"dense/{name}:0".encode() for name in names])
    return path


def crashing(folder: Path) -> None:
    """A model whose custom layer's module ends the process that imports it."""
    (folder / "1").mkdir(parents=True)
    hdf5(folder / "1" / "model.h5", sequential(layer("Scale", "scale", factor=2.0), DENSE))
    (folder / "crashing.py").write_text("import ctypes\n\nctypes.string_at(0)\n")
    (folder / "model.toml").write_text('custom_objects = ["crashing:Scale"]\n')


def allowed(folder: Path) -> None:
    """A model with Python code of its own, that its operator allows."""
    (folder / "1").mkdir(parents=True)
    code = base64.b64encode(marshal.dumps((lambda x: x * 2).__code__)).decode()
    inner = {"code": code, "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "module": "builtins", "config": inner}
    trap = layer("Lambda", "twice", function=function, output_shape=[4], arguments={})
    archive(folder / "1" / "model.keras", sequential(trap, DENSE))
    (folder / "model.toml").write_text("allow_code = true\n")


def test_hostile_files_cost_themselves_alone(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    hdf5(folder / "good.h5")
    recurrent(folder / "greedy.h5", steps=400_000_000)
    steps = [layer("UpSampling1D", f"up{i}", size=1000) for i in range(4)]
    hdf5(folder / "bomb.h5", sequential(layer("Reshape", "steps", target_shape=[4, 1]), *steps, DENSE))
    crashing(folder / "crashing")
    allowed(folder / "allowed")
    messages = {}
    for index, name in enumerate(SHOWN):
        write, _ = HOSTILE[name]
        place = tmp_path / f"hostile{index}"
        place.mkdir()
        path = write(place)
        path.replace(folder / f"hostile{index}{path.suffix}")
        messages[f"hostile{index}"] = name
    server = start(folder, "--build-memory", str(BUILD_MEMORY_MIB))
    with Client(server.grpc) as client:
        reasons = {one.name: one.reason for one in client.models() if one.state == "UNAVAILABLE"}
        rows = np.ones((2, 4), np.float32)
        assert client.predict("good", rows, timeout=60).tolist() == [[4.0] * 3] * 2
        assert client.predict("allowed", rows, timeout=60).tolist() == [[8.0] * 3] * 2
    assert set(reasons) == {"bomb", "crashing", "greedy", *messages}
    assert "layer 'up3' makes (rows, 4000000000000, 1) of its input" in reasons["bomb"]
    assert reasons["crashing"].startswith("its builder crashed (SIGSEGV) on this file")
    assert "more than the 3,000 MiB of memory that its builder may use" in reasons["greedy"]
    for name in messages:
        assert reasons[name].startswith(f"'{name}."), reasons[name]
        assert " is refused: " in reasons[name]
    assert not any(left_behind(tmp_path / f"hostile{index}") for index in range(len(SHOWN)))
    assert "builder" not in " ".join(titles(server.pid).values())
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < (BUILD_MEMORY_MIB + 1000) << 20


def test_a_build_that_does_not_end_is_stopped(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    recurrent(folder / "endless.h5", steps=3_000_000)
    server = start(folder, "--build-timeout", "5")
    with Client(server.grpc) as client:
        (told,) = client.models()
    assert told.state == "UNAVAILABLE"
    assert told.reason == "its builder took more than 5 s and was stopped; --build-timeout allows more"
    assert "builder" not in " ".join(titles(server.pid).values())
