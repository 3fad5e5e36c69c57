"""How a server starts, a second time too, and how it goes."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc

from horngate.cli.serving import serving
from horngate.client import Client
from tests.integration.conftest import Fixture, Start
from tests.integration.models import inputs_for
from tests.integration.processes import maps, titles
from tests.integration.test_metrics import sample, scrape

KERAS = {"horngate: worker keras", "horngate: fork server"}


def test_process_titles_say_who_is_who(served: Fixture) -> None:
    found = set(titles(served.server.pid).values())
    names = {f"horngate: {name}" for name in ("gateway 1", "http gateway", "supervisor", "worker onnx")}
    # The learning phase has a worker of its own from when a test first asks for it, and builders have just been.
    assert names <= found <= names | KERAS


def test_no_process_that_serves_onnx_has_loaded_tensorflow(served: Fixture, client: Client) -> None:
    client.predict("dense", np.zeros((1, 12), np.float32))
    for pid, title in titles(served.server.pid).items():
        if title in KERAS:
            continue
        assert "libtensorflow" not in maps(pid), title
        assert ("onnxruntime" in maps(pid)) == ("worker" in title), title


def test_a_second_start_builds_nothing(
    served: Fixture, start: Start, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    server = start(saved_models[0])
    assert sample(server, "horngate_builds_total", outcome="cached") == len(served.names)
    assert sample(server, "horngate_builds_total", outcome="built") == 0
    assert not KERAS & set(titles(server.pid).values())


def test_several_gateways_share_a_port(start: Start, saved_models: tuple[Path, dict[str, Any]]) -> None:
    server = start(saved_models[0], "--gateways", "2")
    assert {"horngate: gateway 1", "horngate: gateway 2"} <= set(titles(server.pid).values())
    x = np.zeros((1, 12), np.float32)
    for _ in range(8):
        with Client(server.grpc) as client:
            assert client.predict("dense", x).shape == (1, 4)


@pytest.mark.parametrize("transport", ["native", "grpcio"])
def test_sigterm_answers_what_was_accepted_and_tells_health_first(
    saved_models: tuple[Path, dict[str, Any]], cache: Path, tmp_path: Path, transport: str
) -> None:
    folder, models = saved_models
    x = inputs_for(models["recurrent"], rows=2000, seed=1)[0]
    arguments = ("--cache", str(cache), "--transport", transport)
    with serving(folder, workspace=tmp_path, arguments=arguments) as server:
        statuses: list[int] = []
        with grpc.insecure_channel(server.grpc) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service="recurrent")
            )
            statuses.append(next(watch).status)
            client = triton.InferenceServerClient(server.grpc)
            tensor = triton.InferInput("tokens", list(x.shape), "INT32")
            tensor.set_data_from_numpy(x)
            answers: list[Any] = []
            done = threading.Semaphore(0)

            def take(result: Any, error: Any) -> None:
                answers.append(error or result)
                done.release()

            for _ in range(8):
                client.async_infer("recurrent", [tensor], take)
            # It comes behind the others on their connection: they are accepted.
            assert client.is_server_live()
            while sample(server, "horngate_requests_total", model="recurrent", code="OK") < 1:
                pass
            os.kill(server.pid, signal.SIGTERM)
            statuses.append(next(watch).status)
            with pytest.raises(HTTPError, match="503"):
                scrape(server, "/healthz/ready")
            for _ in range(8):
                assert done.acquire(timeout=60)
            client.close()
        assert statuses == [
            health_pb2.HealthCheckResponse.SERVING,
            health_pb2.HealthCheckResponse.NOT_SERVING,
        ]
        assert [answer for answer in answers if isinstance(answer, Exception)] == []
        shapes = [answer.as_numpy("scores").shape for answer in answers]
        assert shapes == [(2000, 3)] * 8
    assert server.exit_code == 0


def run_serve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "horngate.cli.main", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_taken_port_is_told(served: Fixture, tmp_path: Path) -> None:
    server = served.server
    for taken, address in (("grpc", server.grpc), ("http", server.http), ("metrics", server.metrics)):
        ports = {"grpc": "0", "http": "0", "metrics": "0"} | {taken: address.rsplit(":", 1)[1]}
        flags = [text for name, port in ports.items() for text in (f"--{name}-port", port)]
        done = run_serve(str(tmp_path), *flags)
        assert (taken, done.returncode) == (taken, 1)
        assert f"{address}: " in done.stderr
        assert done.stderr.lower().find(f"{taken}: ") >= 0


def test_nothing_to_serve_is_told(tmp_path: Path) -> None:
    assert "name a folder of models" in run_serve().stderr
    assert "is no folder" in run_serve(str(tmp_path / "missing")).stderr


def test_an_empty_folder_is_served_and_waits(start: Start, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with Client(start(tmp_path / "empty").grpc) as client:
        assert client.is_ready()
        assert client.models() == []
