"""ModelStatistics as NVIDIA's tritonclient reads it, over gRPC and HTTP."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

from horngate.cli.serving import Serving
from horngate.client import Client, InvalidRequest
from tests.integration.building import build_ahead
from tests.integration.conftest import Start
from tests.integration.processes import pid_of
from tests.integration.test_reload import answer, save

OF_REQUESTS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")
NEVER = ("cache_hit", "cache_miss")


@pytest.fixture
def server(start: Start, tmp_path: Path, cache: Path) -> Serving:
    folder = tmp_path / "models"
    save(folder / "constant" / "1" / "model.h5", 1.0)
    build_ahead(folder, cache)
    return start(folder, "--max-delay", "200ms")


@pytest.fixture
def sdk(server: Serving) -> Iterator[Client]:
    with Client(server.grpc) as client:
        yield client


def statistics(server: Serving) -> dict[str, Any]:
    """The model's, of which both protocols tell the same."""
    with over_grpc.InferenceServerClient(server.grpc) as remote:
        told = remote.get_inference_statistics("constant", "1", as_json=True)["model_stats"][0]
    with over_http.InferenceServerClient(server.http) as remote:
        of_http = remote.get_inference_statistics("constant", "1")["model_stats"][0]
        everything = remote.get_inference_statistics()["model_stats"]
    assert everything == [of_http]
    assert whole(told) == whole(of_http)
    return of_http  # type: ignore[no-any-return]


def whole(told: Any) -> Any:
    """Like gRPC's JSON, that has 64-bit numbers as text and leaves out what is 0 or empty."""
    if isinstance(told, dict):
        known = {name: whole(value) for name, value in told.items()}
        return {name: value for name, value in known.items() if value not in ("0", [], {})}
    return [whole(each) for each in told] if isinstance(told, list) else str(told)


def batches(told: dict[str, Any]) -> dict[int, int]:
    """How often each size of batch ran."""
    return {one["batch_size"]: one["compute_infer"]["count"] for one in told["batch_stats"]}


def test_every_figure_of_triton_s_is_told_and_outlives_a_worker(server: Serving, sdk: Client) -> None:
    began_ms = time.time() * 1e3
    answer(sdk)  # Two rows; waits for company that does not come.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: answer(sdk), range(3)))
    with pytest.raises(InvalidRequest):
        sdk.predict("constant", np.zeros((1, 5), np.float32))
    told = statistics(server)
    assert (told["name"], told["version"]) == ("constant", "1")
    assert told["inference_count"] == 8
    assert told["execution_count"] == sum(batches(told).values()) <= 4
    assert sum(rows * count for rows, count in batches(told).items()) == 8
    assert began_ms <= told["last_inference"] <= time.time() * 1e3
    stats = told["inference_stats"]
    assert {name: stats[name]["count"] for name in OF_REQUESTS} == dict.fromkeys(OF_REQUESTS, 4) | {"fail": 1}
    assert {name: stats[name] for name in NEVER} == {key: {"count": 0, "ns": 0} for key in NEVER}
    assert all(stats[name]["ns"] > 0 for name in OF_REQUESTS)
    parts = sum(stats[name]["ns"] for name in OF_REQUESTS[2:])
    assert parts < stats["success"]["ns"]
    for one in told["batch_stats"]:
        assert all(one[name]["ns"] > 0 for name in ("compute_input", "compute_infer", "compute_output"))
    assert told["memory_usage"][0]["type"] == "CPU"
    assert told["memory_usage"][0]["byte_size"] > 0
    os.kill(pid_of(server.pid, "worker"), signal.SIGKILL)
    assert answer(sdk) == 1.0
    after = statistics(server)
    assert after["inference_count"] == 10
    assert batches(after)[2] == batches(told).get(2, 0) + 1
    assert after["inference_stats"]["compute_infer"]["ns"] > stats["compute_infer"]["ns"]
