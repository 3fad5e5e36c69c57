"""Two virtual devices and an engine of fixed cost: bounds, deadlines, priorities, timings, and a worker's death."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.oip.messages import ModelInferRequest
from horngate.oip.wire import assemble_infer_request
from tests.integration.building import build_ahead
from tests.integration.conftest import Start
from tests.integration.processes import pid_of, titles, until
from tests.integration.test_metrics import sample

ROW_S = 0.02
QUEUE_ROWS = 4
CONFIG = f"""
engine = "timed"
max_rows = 1
[queue]
rows = {QUEUE_ROWS}
"""
BENCH = Path(__file__).parents[2] / "bench"
X = np.ones((1, 12), np.float32)
MESSAGE = assemble_infer_request(
    ModelInferRequest(
        model_name="dense",
        inputs=[ModelInferRequest.InferInputTensor(name="input_layer", datatype="FP32", shape=X.shape)],
    ),
    [X.tobytes()],
)


@pytest.fixture(scope="module", params=["native", "grpcio"])
def timed(
    request: pytest.FixtureRequest,
    saved_models: tuple[Path, dict[str, Any]],
    cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Serving]:
    """`dense` at 20 ms a row and one row a batch, on two devices with short queues."""
    workspace = tmp_path_factory.mktemp("timed")
    folder = workspace / "models" / "dense"
    (folder / "1").mkdir(parents=True)
    os.link(saved_models[0] / "dense.h5", folder / "1" / "model.h5")
    (folder / "model.toml").write_text(CONFIG)
    arguments = ("--cache", str(cache), "--devices", "cpu:0,cpu:1", "--transport", request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HORNGATE_ENGINES", "timed=timed_engine:Timed")
        patch.setenv("HORNGATE_TIMED", f"0+{ROW_S}")
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])])
        )
        with serving(workspace / "models", workspace=workspace, arguments=arguments) as server:
            yield server
    assert server.exit_code == 0


def tensor() -> Any:
    found = triton.InferInput("input_layer", list(X.shape), "FP32")
    found.set_data_from_numpy(X)
    return found


def burst(server: Serving, count: int, **parameters: Any) -> list[Any]:
    """So many calls at once; each one's answer or error, in the order in which they came."""
    client = triton.InferenceServerClient(server.grpc)
    outcomes: list[Any] = []
    done = threading.Semaphore(0)

    def take(result: Any, error: Any) -> None:
        outcomes.append(error or result)
        done.release()

    for _ in range(count):
        client.async_infer("dense", [tensor()], take, **parameters)
    for _ in range(count):
        assert done.acquire(timeout=30)
    client.close()
    return outcomes


def codes(outcomes: list[Any]) -> list[str]:
    return [
        "OK" if isinstance(outcome, triton.InferResult) else outcome.status().split(".")[-1]
        for outcome in outcomes
    ]


def test_each_device_has_a_worker_and_its_share(timed: Serving) -> None:
    workers = {title for title in titles(timed.pid).values() if "worker" in title}
    assert workers == {"horngate: worker onnx cpu:0", "horngate: worker onnx cpu:1"}
    with Client(timed.grpc) as client:
        served = {client.predict_timed("dense", X).timings.worker for _ in range(8)}
        assert client.describe("dense").device == "cpu:0, cpu:1"
    assert served == {"onnx cpu:0", "onnx cpu:1"}


def test_timings_come_on_request(timed: Serving) -> None:
    with Client(timed.grpc) as client:
        outputs, timings = client.predict_timed("dense", X, layers=["hidden"])
        np.testing.assert_array_equal(outputs["hidden"], client.predict("dense", X, layers="hidden"))
    assert timings.compute_s >= ROW_S
    assert timings.total_s >= timings.compute_s + timings.queue_s
    assert timings.batch_rows == 1


def test_what_a_queue_does_not_hold_is_refused_at_once_with_when_to_ask_again(timed: Serving) -> None:
    before = sample(timed, "horngate_refused_requests_total", model="dense", reason="rows")
    outcomes = burst(timed, 64)
    found = codes(outcomes)
    assert set(found) == {"OK", "RESOURCE_EXHAUSTED"}
    first = found.index("RESOURCE_EXHAUSTED")
    assert "OK" in found[first:], "a refusal does not wait for those that were taken"
    assert found.count("OK") >= 2 * QUEUE_ROWS
    assert "its queue holds 4" in str(outcomes[first])
    refused = found.count("RESOURCE_EXHAUSTED")
    assert sample(timed, "horngate_refused_requests_total", model="dense", reason="rows") - before == refused


def test_a_refusal_says_when_to_ask_again_in_a_trailer(timed: Serving) -> None:
    with grpc.insecure_channel(timed.grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        calls = [call.future(MESSAGE, timeout=30) for _ in range(64)]
        errors = [error for error in (each.exception() for each in calls) if error is not None]
    assert 0 < len(errors) < 64
    for error in errors:
        assert 1 <= int(dict(error.trailing_metadata())["retry-after-ms"]) <= QUEUE_ROWS * ROW_S * 1000


def test_the_sdk_asks_again_when_it_was_told_to(timed: Serving) -> None:
    refused = partial(sample, timed, "horngate_refused_requests_total", model="dense")
    before = refused()
    with ThreadPoolExecutor(40) as pool, Client(timed.grpc) as client:
        answers = list(pool.map(lambda _: client.predict("dense", X), range(40)))
    assert [answer.shape for answer in answers] == [(1, 4)] * 40
    assert refused() > before


def test_a_deadline_that_passes_in_the_queue_is_told_when_it_does(timed: Serving) -> None:
    found = codes(burst(timed, 4 * QUEUE_ROWS, timeout=30_000))
    assert found.count("OK") >= 1
    assert set(found) <= {"OK", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
    assert found.count("OK") < 4 * QUEUE_ROWS


@pytest.mark.parametrize("parameters", [{"priority": 1}, {"priority": 9}, {"timeout": 10_000_000}])
def test_schedule_parameters_are_taken(timed: Serving, parameters: dict[str, int]) -> None:
    assert codes(burst(timed, 1, **parameters)) == ["OK"]


def test_a_worker_killed_under_load_leaves_its_work_to_the_other(timed: Serving) -> None:
    stop = threading.Event()
    faults: list[BaseException] = []

    def call() -> None:
        client = triton.InferenceServerClient(timed.grpc)  # it never retries: the server itself must answer
        while not stop.is_set():
            try:
                client.infer("dense", [tensor()], client_timeout=30)
            except triton.InferenceServerException as fault:
                faults.append(fault)
        client.close()

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    ran = rows_on(timed, "cpu:0")
    until(lambda: rows_on(timed, "cpu:0") > ran)
    worker = pid_of(timed.pid, "worker onnx cpu:0")
    os.kill(worker, signal.SIGKILL)
    until(lambda: pid_of(timed.pid, "worker onnx cpu:0") != worker)
    with Client(timed.grpc) as client:  # and the new one takes part again
        until(lambda: client.predict_timed("dense", X).timings.worker == "onnx cpu:0")
    stop.set()
    for caller in callers:
        caller.join()
    assert faults == []


def rows_on(server: Serving, device: str) -> float:
    return sample(server, "horngate_device_rows_total", device=device)


def test_requests_of_different_lengths_share_batches_where_the_model_masks_padding(
    start: Start, tmp_path: Path, cache: Path
) -> None:
    import keras

    keras.utils.set_random_seed(2)
    stack = [keras.layers.Masking(-1.0), keras.layers.LSTM(8), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((None, 4), name="x"), *stack])
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / "text.keras")
    build_ahead(tmp_path / "models", cache)
    server = start(tmp_path / "models", "--max-delay", "20ms")
    random = np.random.default_rng(1)
    inputs = [random.standard_normal((2, 33 + number % 32, 4)).astype(np.float32) for number in range(96)]
    with Client(server.grpc) as client, ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(partial(client.predict, "text"), inputs))
    for x, answer in zip(inputs, answers, strict=True):
        np.testing.assert_allclose(answer, model.predict_on_batch(x), atol=1e-5)
    assert sample(server, "horngate_batch_rows_count", model="text") <= 48, (
        "two requests a batch, at the least"
    )
    assert sample(server, "horngate_padding_steps_total", model="text") > 0
