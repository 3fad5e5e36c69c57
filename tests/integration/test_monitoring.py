"""A real Prometheus (Debian's) scrapes a running server: what the dashboard and the alerts ask returns data.

    pytest -m slow tests/integration/test_monitoring.py

Everything that they name is made to happen first: traffic, pictures, sequences, a file that cannot be served,
queues that refuse, memory that runs out, and processes that are killed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
import yaml

from horngate.cli.serving import Serving, serving
from horngate.client import Client, ResourceExhausted
from tests.deploy.monitoring import ALERTS, metrics_named, panel_queries
from tests.integration.models import dense
from tests.integration.pictures import CONFIGS, NAMES, network
from tests.integration.processes import pid_of, until
from tests.integration.test_sequences import FEATURES, WINDOW, faq_model
from tests.zoo.images.pictures import encoded, photograph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's `prometheus` is not installed"),
]
PATIENCE_S = 60.0
ROWS = np.zeros((8, 12), np.float32)


class Prometheus:
    """A running one: asked over HTTP, stopped by its process."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def names(self) -> set[str]:
        """Every metric that it has seen."""
        return set(self._get("label/__name__/values"))

    def alerting(self) -> set[str]:
        """Alerts that are on, or wait for their time to be up."""
        return {alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"]}

    def _get(self, path: str, **parameters: str) -> Any:
        with urlopen(f"http://{self._address}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]


def models(folder: Path) -> Path:
    """One model for each thing that can happen."""
    for name, settings in {
        "short": 'engine = "short"\n',
        "starving": 'engine = "starving"\nbatching = "largest"\n',
        "narrow": "[queue]\nrows = 8\n",
    }.items():
        (folder / name / "1").mkdir(parents=True)
        dense().save(folder / name / "1" / "model.h5")
        (folder / name / "model.toml").write_text(settings)
    faq_model().save(folder / "steps.keras")
    (folder / "flowers" / "1").mkdir(parents=True)
    network().save(folder / "flowers" / "1" / "model.keras")
    (folder / "flowers" / "model.toml").write_text(CONFIGS["caffe"])
    (folder / "flowers" / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    (folder / "broken.h5").write_bytes(b"no model at all")
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setenv("HORNGATE_ENGINES", "short=flaky_engine:Short,starving=flaky_engine:Starving")
    monkeypatch.setenv("HORNGATE_TEST_FAULTS", str(tmp_path / "faults"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with serving(models(tmp_path / "models"), workspace=tmp_path) as started:
        yield started
    assert started.exit_code == 0


@pytest.fixture
def prometheus(server: Serving, tmp_path: Path) -> Iterator[Prometheus]:
    """Scrapes the server each second, with the shipped rules."""
    shutil.copy(ALERTS, tmp_path / "alerts.yaml")
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "horngate", "static_configs": [{"targets": [server.metrics]}]}],
    }
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        *("prometheus", f"--config.file={tmp_path}/prometheus.yaml", f"--web.listen-address={address}"),
        f"--storage.tsdb.path={tmp_path}/measured",
    ]
    with (tmp_path / "prometheus.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        started = Prometheus(address)
        until(lambda: _answers(started), PATIENCE_S)
        yield started
        process.terminate()


def _answers(prometheus: Prometheus) -> bool:
    with suppress(OSError):
        return bool(prometheus.query('up{job="horngate"} == 1'))
    return False


def test_what_the_dashboard_and_the_alerts_ask_returns_data(
    server: Serving, prometheus: Prometheus, tmp_path: Path
) -> None:
    expected = {"HorngateModelFailed", "HorngateOutOfMemory", "HorngateRestarting", "HorngateSequencesLost"}
    with Client(server.grpc) as client:
        let_it_happen(server, client, tmp_path / "faults")
        _until_none(lambda: metrics_named() - prometheus.names())
        _until_none(lambda: _without_data(client, prometheus))
        _until_none(lambda: expected - prometheus.alerting())


def _until_none(missing: Callable[[], Collection[str]]) -> None:
    """Wait until nothing is missing; what still is, is the failure."""
    with suppress(TimeoutError):
        until(lambda: not missing(), PATIENCE_S)
    assert sorted(missing()) == []


def let_it_happen(server: Serving, client: Client, faults: Path) -> None:
    """Everything that a panel or an alert is there for."""
    client.classify("flowers", encoded(photograph()), timeout=60)
    os.kill(pid_of(server.pid, "decoder 1"), signal.SIGKILL)
    with client.sequence("steps") as sequence:
        sequence.predict(np.zeros((1, WINDOW, FEATURES), np.float32))
    open_ended = client.sequence("steps")
    open_ended.predict(np.zeros((1, WINDOW, FEATURES), np.float32))
    with ThreadPoolExecutor(32) as pool:
        refused = list(pool.map(lambda _: _is_refused(client), range(400)))
        assert any(refused)
        faults.write_text("0.5")
        list(pool.map(lambda _: client.predict("short", ROWS, timeout=60), range(100)))
    faults.write_text("4")
    client.predict("starving", ROWS, timeout=60)
    for _ in range(2):
        worker = pid_of(server.pid, "worker onnx")
        os.kill(worker, signal.SIGKILL)
        until(lambda worker=worker: pid_of(server.pid, "worker onnx") != worker)
    os.kill(pid_of(server.pid, "gateway 1"), signal.SIGKILL)
    client.classify("flowers", encoded(photograph()), timeout=60)


def _is_refused(client: Client) -> bool:
    try:
        client.predict("narrow", ROWS, timeout=0.2)
    except ResourceExhausted:
        return True
    except Exception:
        return False
    return False


def _without_data(client: Client, prometheus: Prometheus) -> list[str]:
    """Queries of panels that return nothing, under traffic."""
    for _ in range(20):
        client.predict("narrow", ROWS[:1], timeout=30)
        client.classify("flowers", encoded(photograph()), timeout=30)
    return [
        f"{title}: {query}"
        for title, queries in panel_queries().items()
        for query in queries
        if not prometheus.query(query)
    ]
