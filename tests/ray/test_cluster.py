"""Three nodes of a Ray cluster, one application: `pytest -m slow tests/ray`, where the extra `ray` is installed."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from horngate.client import Client, InvalidRequest, NotFound
from horngate.oip.messages import SERVICE
from tests.deploy.monitoring import DEPLOY
from tests.integration.models import dense, inputs_for
from tests.integration.test_sequences import FEATURES, SAVED_ROWS, WINDOW, faq_model

pytest.importorskip("ray.serve", reason="the extra `ray` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Ray leaves sockets and subprocesses of its own to be collected.
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BENCH = DEPLOY.parent / "bench"
DENSE = ("one", "two", "three")
STEPS, SEQUENCES = 4, 12


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {**{name: dense() for name in DENSE}, "steps": faq_model()}


@pytest.fixture(scope="module")
def folder(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    (folder / "models").mkdir()
    for name, model in models.items():
        model.save(folder / "models" / f"{name}.keras")
    (folder / "models" / "broken.h5").write_bytes(b"no model at all")
    return folder


def world(folder: Path, **arguments: str) -> Any:
    """A cluster of three nodes with the application; to be entered, and left before there is another."""
    sys.path.insert(0, str(BENCH))
    try:
        from on_ray import World
    finally:
        sys.path.remove(str(BENCH))
    return World(folder / "models", folder / "cache", **arguments)


@pytest.fixture(scope="class")
def cluster(folder: Path) -> Iterator[Any]:
    with world(folder, models_per_replica="2") as entered:
        yield entered


@pytest.fixture
def client(cluster: Any) -> Iterator[Client]:
    with Client(cluster.address) as connected:
        yield connected


class TestThreeReplicas:
    """On one cluster, one after the other."""

    def test_one_application_answers_for_every_model_though_a_replica_has_two(
        self, client: Client, models: dict[str, Any]
    ) -> None:
        for seed in range(4):
            for name in DENSE:
                rows = inputs_for(models[name], rows=3, seed=seed)[0]
                answer = client.predict(name, rows, timeout=120)
                np.testing.assert_allclose(answer, models[name].predict(rows, verbose=0), atol=1e-5)
        replicas = [
            folder for folder in Path("/tmp").glob("horngate-replica-*/models") if any(folder.iterdir())
        ]
        assert replicas
        assert max(len(list(folder.iterdir())) for folder in replicas) <= 2

    def test_errors_are_those_of_a_server(self, client: Client, cluster: Any) -> None:
        with pytest.raises(NotFound, match="there is no model 'nobody' in the folder"):
            client.predict("nobody", np.zeros((1, 12), np.float32))
        with pytest.raises(InvalidRequest, match="expected \\(rows, 12\\)"):
            client.predict("one", np.zeros((1, 3), np.float32), timeout=120)
        with grpc.insecure_channel(cluster.address) as channel:
            for method, data, code in (
                ("ModelInfer", b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
                ("RepositoryModelLoad", b"", grpc.StatusCode.UNIMPLEMENTED),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    channel.unary_unary(f"/{SERVICE}/{method}")(data, timeout=60)
                assert refused.value.code() is code
            broken = b"\x0a\x06broken"
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(f"/{SERVICE}/ModelMetadata")(broken, timeout=120)
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION

    def test_sequences_stay_on_their_replica_and_are_replayed_when_its_node_is_killed(
        self, client: Client, cluster: Any, models: dict[str, Any]
    ) -> None:
        generator = np.random.default_rng(5)
        windows = generator.standard_normal((STEPS, SAVED_ROWS, WINDOW, FEATURES)).astype(np.float32)
        truths = [models["steps"].predict(window, batch_size=SAVED_ROWS, verbose=0) for window in windows]
        begun = [client.sequence("steps", replay=True) for _ in range(SEQUENCES)]
        for step in range(STEPS):
            if step == STEPS // 2:
                cluster.kill_one()
            for row, sequence in enumerate(begun):
                answer = sequence.predict(windows[step][row : row + 1], timeout=120)
                np.testing.assert_allclose(answer, truths[step][row : row + 1], atol=1e-5)
        cluster.wait_for(3)


def test_replicas_come_when_there_is_more_to_do(folder: Path) -> None:
    with world(folder, least="1", most="2", requests="2") as cluster, Client(cluster.address) as client:
        stop = threading.Event()

        def call() -> None:
            while not stop.is_set():
                client.predict("one", np.zeros((1, 12), np.float32), timeout=120)

        with ThreadPoolExecutor(12) as pool:
            callers = [pool.submit(call) for _ in range(12)]
            try:
                cluster.wait_for(2)
            finally:
                stop.set()
            for caller in callers:
                caller.result()


def test_killing_nodes_under_load_loses_no_request() -> None:
    done = subprocess.run(
        [sys.executable, BENCH / "on_ray.py", "--json"], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["kills"], result["lost"], result["codes"].keys()) == (2, 0, {"OK"})
