"""What once brought a process down, or could: each costs its sender at most."""

import os
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import keras
import numpy as np
import pytest
from keras import layers

from horngate.client import Client, DeadlineExceeded, InvalidRequest, LoadError
from horngate.oip.messages import SERVICE, ModelInferRequest, ModelInferResponse
from tests.integration.building import build_ahead
from tests.integration.conftest import Fixture, Start
from tests.integration.models import inputs_for
from tests.integration.processes import pid_of, titles, until
from tests.integration.test_metrics import sample


@pytest.fixture
def folder(saved_models: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    copy = tmp_path / "models"
    copy.mkdir()
    shutil.copy(saved_models[0] / "dense.h5", copy)
    return copy


def dense(client: Client) -> bool:
    return client.predict("dense", np.zeros((1, 12), np.float32), timeout=60).shape == (1, 4)


@pytest.mark.parametrize("shape", [(1, 0), (10**10, 0)])
def test_an_empty_free_axis_is_refused_before_any_engine_sees_it(
    served: Fixture, shape: tuple[int, ...]
) -> None:
    request = ModelInferRequest(model_name="recurrent")
    request.inputs.add(name="tokens", datatype="INT32", shape=shape)
    request.raw_input_contents.append(b"")
    with grpc.insecure_channel(served.server.grpc) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            lambda message: message.SerializeToString(),
            ModelInferResponse.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected (rows, ?)" in caught.value.details()


def test_a_request_whose_caller_is_gone_does_not_hold_up_the_others(served: Fixture, client: Client) -> None:
    model = served.models["recurrent"]
    large = np.ones((60_000, 30), np.int32)
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        client.predict("recurrent", large, timeout=0.3)
    small = inputs_for(model, rows=1, seed=1)[0]
    client.predict("recurrent", small, timeout=60)
    dense(client)
    assert sample(served.server, "horngate_queued_rows") < 60_000
    assert time.monotonic() - begin < 45


def test_an_output_asked_for_twice(client: Client, served: Fixture) -> None:
    request = ModelInferRequest(model_name="dense")
    request.inputs.add(name="input_layer", datatype="FP32", shape=[1, 12])
    request.raw_input_contents.append(bytes(48))
    request.outputs.add(name="hidden")
    request.outputs.add(name="hidden")
    with grpc.insecure_channel(served.server.grpc) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer", lambda message: message.SerializeToString())
        with pytest.raises(grpc.RpcError, match="asked for twice"):
            call(request, timeout=60)


def test_a_connection_that_ends_at_once_does_not_end_a_worker(served: Fixture, client: Client) -> None:
    worker = pid_of(served.server.pid, "worker onnx")
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(listening_socket(worker))
    assert dense(client)
    assert pid_of(served.server.pid, "worker onnx") == worker


def listening_socket(pid: int) -> str:
    """The path of the Unix socket that a process listens on: one of the many in /proc, by its inode."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # Descriptors come and go while we look.
            held.add(os.readlink(descriptor))
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return next(
        row[7] for row in rows if f"socket:[{row[6]}]" in held and row[7:] and row[7].endswith(".sock")
    )


def test_odd_names_in_the_folder_harm_nobody(start: Start, folder: Path) -> None:
    content = (folder / "dense.h5").read_bytes()
    for name in ("²", "20260101123456789012"):
        (folder / "odd" / name).mkdir(parents=True)
        (folder / "odd" / name / "model.h5").write_bytes(content)
    Path(os.fsdecode(bytes(folder) + b"/b\xff.h5")).write_bytes(content)
    with Client(start(folder).grpc) as client:
        assert dense(client)
        reasons = {one.name: one.reason for one in client.models() if one.state != "READY"}
    assert reasons == {"b\\udcff": "the file's name is not UTF-8; a model is asked for by a name that is"}


@pytest.mark.parametrize(
    "damage",
    [
        "short weights",
        pytest.param("no spec", marks=pytest.mark.slow),
        pytest.param("empty program", marks=pytest.mark.slow),
        pytest.param("gone", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_artifact_is_made_again(
    start: Start, folder: Path, cache: Path, tmp_path: Path, damage: str
) -> None:
    if damage == "empty program":
        start(folder)
    built = next(path for path in cache.iterdir() if '"hidden"' in read_spec(path))
    cache = tmp_path / "own-cache"
    artifact = cache / built.name
    shutil.copytree(built, artifact)
    if damage == "no spec":
        (artifact / "spec.json").unlink()
    elif damage == "short weights":
        (artifact / "graph.onnx").write_bytes((artifact / "graph.onnx").read_bytes()[:100])
    elif damage == "empty program":
        for program in artifact.glob("program-*"):
            program.write_bytes(b"")
    else:
        shutil.rmtree(artifact)
    with Client(start(folder, "--cache", str(cache)).grpc) as client:
        assert dense(client)
        assert not client.describe("dense").engine.startswith("keras")


def read_spec(artifact: Path) -> str:
    spec = artifact / "spec.json"
    return spec.read_text() if spec.exists() else ""


@pytest.mark.slow
def test_an_artifact_that_is_gone_when_a_worker_comes_back_is_made_again(
    start: Start, folder: Path, tmp_path: Path, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    shutil.copy(saved_models[0] / "convolutional.h5", folder)
    cache = tmp_path / "own-cache"
    server = start(folder, "--cache", str(cache))
    for path in cache.iterdir():
        if "depthwise" in read_spec(path):
            shutil.rmtree(path)
    worker = pid_of(server.pid, "worker onnx")
    os.kill(worker, signal.SIGKILL)
    until(lambda: pid_of(server.pid, "worker onnx") != worker)
    with Client(server.grpc) as client:
        assert dense(client)
        [x] = inputs_for(saved_models[1]["convolutional"], rows=2, seed=5)
        expected = saved_models[1]["convolutional"].predict(x, verbose=0)
        np.testing.assert_allclose(client.predict("convolutional", x, timeout=120), expected, atol=1e-5)
    assert sample(server, "horngate_worker_restarts_total") == 1


def test_an_output_without_a_rows_axis_is_refused_by_the_builder_and_as_a_layer(
    start: Start, tmp_path: Path, cache: Path
) -> None:
    refused, folder = tmp_path / "refused", tmp_path / "models"
    refused.mkdir()
    folder.mkdir()
    x = keras.Input((4,))
    layer = layers.Dense(4, name="first")(x)
    pairs = keras.ops.reshape(layer, (-1, 2))
    keras.Model(x, pairs).save(refused / "pairs.keras")
    keras.Model(x, keras.ops.reshape(pairs, (-1, 4))).save(folder / "inside.keras")
    with pytest.raises(LoadError, match=r"has shape \(6, 2\) for 3 rows"):
        build_ahead(refused, cache)
    build_ahead(folder, cache)
    with Client(start(folder).grpc) as client:
        inside = next(
            spec.name
            for layer in client.describe("inside").layers
            for spec in layer.outputs
            if "reshape" in spec.name
        )
        with pytest.raises(InvalidRequest, match=r"an output has shape \(6, 2\) for 3 rows"):
            client.predict("inside", np.zeros((3, 4), np.float32), layers=inside)


def test_two_models_being_loaded_survive_two_kills(
    start: Start, saved_models: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Only what was being loaded when its worker ended is suspected, and twice at that."""
    folder = tmp_path / "models"
    shutil.copytree(saved_models[0], folder)
    server = start(folder)
    for _ in range(2):
        worker = pid_of(server.pid, "worker onnx")
        os.kill(worker, signal.SIGKILL)
        until(lambda worker=worker: pid_of(server.pid, "worker onnx") != worker)
    with Client(server.grpc) as client:
        assert dense(client)
        until(lambda: {one.state for one in client.models()} == {"READY"})


def test_both_gateways_answer_health_while_the_other_is_down(
    start: Start, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    server = start(saved_models[0], "--gateways", "2")
    os.kill(pid_of(server.pid, "gateway 2"), signal.SIGKILL)
    answered = 0
    for _ in range(6):
        with grpc.insecure_channel(server.grpc) as channel:
            request = health_pb2.HealthCheckRequest(service="dense")
            answered += (
                health_pb2_grpc.HealthStub(channel).Check(request, timeout=60, wait_for_ready=True).status
                == 1
            )
    assert answered == 6
    assert "horngate: gateway 1" in titles(server.pid).values()
