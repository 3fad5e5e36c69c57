"""What Prometheus scrapes."""

import shutil
import subprocess
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from horngate.cli.serving import Serving
from horngate.client import Client, NotFound
from tests.integration.conftest import Fixture


def scrape(server: Serving, path: str = "/metrics", accept: str = "text/plain") -> str:
    with urlopen(Request(f"http://{server.metrics}{path}", headers={"Accept": accept}), timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def sample(server: Serving, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    return sum(
        found.value
        for family in text_string_to_metric_families(scrape(server))
        for found in family.samples
        if found.name == name and labels.items() <= found.labels.items()
    )


def test_requests_rows_and_batches_are_counted(served: Fixture, client: Client) -> None:
    server = served.server
    labels = {"model": "dense", "version": "1"}
    names = ("horngate_requests_total", "horngate_rows_total", "horngate_batch_rows_sum")
    before = {name: sample(server, name, **labels) for name in names}
    timed = sample(server, "horngate_request_duration_seconds_count", **labels)
    for rows in (1, 2, 4):
        client.predict("dense", np.zeros((rows, 12), np.float32))
    after = {name: sample(server, name, **labels) for name in names}
    assert [after[name] - before[name] for name in names] == [3, 7, 7]
    assert sample(server, "horngate_request_duration_seconds_count", **labels) - timed == 3
    for histogram in ("queue", "compute"):
        assert sample(server, f"horngate_{histogram}_duration_seconds_count", **labels) > 0


def test_how_far_a_model_is_from_keras_is_told(served: Fixture) -> None:
    labels = {"model": "dense", "version": "1", "precision": "float32"}
    assert 0 < sample(served.server, "horngate_model_error_ratio", **labels) <= 1e-5
    assert sample(served.server, "horngate_model_top1_ratio", **labels) == 1.0


def test_failures_are_counted_by_code(served: Fixture, client: Client) -> None:
    before = sample(served.server, "horngate_requests_total", code="NOT_FOUND")
    with pytest.raises(NotFound):
        client.predict("nobody", np.zeros((1, 1), np.float32))
    # The SDK asks for the model's inputs first, and is told there; a bare request is what is counted.
    import tritonclient.grpc as triton

    bare = triton.InferenceServerClient(served.server.grpc)
    tensor = triton.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 1), np.float32))
    with pytest.raises(triton.InferenceServerException):
        bare.infer("nobody", [tensor])
    bare.close()
    assert sample(served.server, "horngate_requests_total", code="NOT_FOUND") == before + 1


def test_models_builds_and_memory_are_told(served: Fixture) -> None:
    server = served.server
    assert sample(server, "horngate_models", state="ready") == len(served.names)
    assert sample(server, "horngate_builds_total") == len(served.names)
    assert sample(server, "horngate_model_max_batch_rows", model="dense") >= 1
    assert "horngate_model_memory_bytes{" in scrape(server)
    assert "horngate_queued_rows{" in scrape(server)
    assert sample(server, "horngate_requests_in_flight") == 0


def test_health_over_http(served: Fixture) -> None:
    assert scrape(served.server, "/healthz/live") == "live\n"
    assert scrape(served.server, "/healthz/ready") == "ready\n"
    with pytest.raises(HTTPError, match="404"):
        scrape(served.server, "/nothing")


def test_openmetrics_is_offered(served: Fixture) -> None:
    text = scrape(served.server, accept="application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian's `prometheus`) is not installed"
)
def test_promtool_is_content(served: Fixture) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scrape(served.server),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
