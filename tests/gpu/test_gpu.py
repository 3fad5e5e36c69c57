"""On a GPU: the answers are the processor's, in the precision asked for, and memory that runs out is survived.

KERAS_BACKEND=jax python -m pytest -m gpu tests/gpu
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.server.agreement import relative_error

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no GPU of NVIDIA's"),
    pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed"),
]

MOST_ROWS = 1024
"""A batch of the network `wide` with so many rows is beyond the part of the GPU's memory that the server has."""

SAVED = """
import sys, numpy as np
from tests.gpu.networks import convolutions, wide
for name, network, x in (
    ("conv", convolutions(), np.random.default_rng(1).normal(size=(48, 32, 32, 3))),
    ("wide", wide(), np.random.default_rng(2).normal(size=(4, 1))),
):
    x = x.astype("float32")
    network.save(f"{sys.argv[1]}/{name}.keras")
    np.savez(f"{sys.argv[1]}/{name}.npz", x=x, y=network.predict(x, verbose=0))
"""


def told(*arguments: str, **variables: str) -> dict[str, Any]:
    """What a process on the GPU tells: Keras has one backend a process."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cuda,cpu"} | variables
    command = [sys.executable, "-m", "tests.gpu.runs_on_gpu", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(arguments[0], found)
    return found


def test_float32_is_float32_and_the_same_in_batches_of_every_size() -> None:
    found = told("precisions")
    assert (found["platform"], found["overlaps"]) == ("gpu", True)
    assert found["float32"] <= 1e-5
    assert found["sizes"] <= 1e-5
    assert found["tf32"] > 1e-5, "what Horngate has JAX not do"
    assert found["tf32"] < found["bfloat16"] < 0.05


def test_a_batch_beyond_the_memory_is_run_in_parts_and_what_follows_as_before(tmp_path: Path) -> None:
    found = told("hunger", str(tmp_path), XLA_PYTHON_CLIENT_MEM_FRACTION="0.1")
    assert found["short"]
    assert (found["faults"], found["rows"]) == ([], 3 + 20_000 + 5)
    assert found["halved"] >= 1
    assert found["errors"] <= 1e-5
    assert found["after"] <= 1e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, and the processor's answers."""
    made: Path = tmp_path_factory.mktemp("gpu")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", SAVED, str(made)], env=environment, check=True)
    models = made / "models"
    for name, settings in (
        ("conv", "max_rows = 16\n"),
        ("low", 'engine = "keras"\nmax_rows = 16\nprecision = "bfloat16"\n'),
        ("wide", f'engine = "keras"\nbatching = "largest"\nmax_rows = {MOST_ROWS}\n'),
    ):
        (models / name / "1").mkdir(parents=True)
        shutil.copy(made / f"{'conv' if name == 'low' else name}.keras", models / name / "1" / "model.keras")
        (models / name / "model.toml").write_text(settings)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        patch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.05")
        with serving(
            folder / "models", workspace=folder, arguments=["--devices", "gpu:0"], ready_timeout_s=500
        ) as running:
            yield running
    print((folder / "serve.log").read_text()[-6000:])


def answers(folder: Path, name: str) -> tuple[Any, Any]:
    with np.load(folder / f"{name}.npz") as data:
        return data["x"], data["y"]


def test_what_is_served_is_what_keras_answers(folder: Path, server: Serving) -> None:
    x, y = answers(folder, "conv")
    with Client(server.grpc) as client:
        assert client.describe("conv").engine.startswith("keras"), "the engine that computes on a GPU"
        for rows in (1, 2, 7, 48):
            assert relative_error(y[:rows], client.predict("conv", x[:rows])) <= 1e-5
        low = relative_error(y, client.predict("low", x))
    print("bfloat16, served:", low)
    assert 1e-5 < low < 0.05


def test_every_caller_among_many_gets_its_own_answer(folder: Path, server: Serving) -> None:
    x, y = answers(folder, "conv")
    with Client(server.grpc) as client, ThreadPoolExecutor(32) as pool:
        picked = np.random.default_rng(3).integers(0, 48, 2000)
        found = pool.map(lambda at: client.predict("conv", x[at : at + 1]), picked)
        for at, answer in zip(picked, found, strict=True):
            assert relative_error(y[at : at + 1], answer) <= 1e-5


def test_the_largest_batch_that_the_planner_allows_fits(folder: Path, server: Serving) -> None:
    x, y = answers(folder, "wide")
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    cap = int(float(re.findall(r'horngate_model_max_batch_rows\{[^}]*model="wide"[^}]*\} (\S+)', text)[0]))
    print("the planner's largest batch:", cap)
    assert cap < MOST_ROWS, "memory is to bound it"
    with Client(server.grpc) as client:
        answer = client.predict("wide", np.resize(x, (cap, 1)), timeout=300)
    assert relative_error(np.resize(y, (cap, 3)), answer) <= 1e-5
    connection.request("GET", "/metrics")
    after = connection.getresponse().read().decode()
    for counter in ("out_of_memory", "halved"):
        assert not [
            line
            for line in re.findall(rf"horngate_\w*{counter}\w*_total{{[^}}]*}} (\S+)", after)
            if float(line)
        ]
