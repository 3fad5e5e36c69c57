"""A worker that is killed under load costs nobody an answer."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from horngate.client import Client
from tests.integration.conftest import Start
from tests.integration.models import inputs_for
from tests.integration.processes import pid_of, until
from tests.integration.test_metrics import sample

CALLERS = 8
KILLS = 3


@pytest.mark.parametrize("transport", ["native", pytest.param("grpcio", marks=pytest.mark.slow)])
def test_a_worker_killed_under_load_comes_back_and_no_client_sees_an_error(
    saved_models: tuple[Path, dict[str, Any]], start: Start, transport: str
) -> None:
    folder, models = saved_models
    server = start(folder, "--transport", transport)
    # The latter's lie in memory that those which come together share.
    asked = [("dense", 3), ("convolutional", 8)]
    sent = [inputs_for(models[name], rows, seed)[0] for seed in range(CALLERS // 2) for name, rows in asked]
    truths = [
        models[name].predict(inputs, verbose=0)
        for inputs, (name, _) in zip(sent, CALLERS // 2 * asked, strict=True)
    ]
    stop = threading.Event()
    answered = [0] * CALLERS
    faults: list[Exception] = []

    def call(caller: int) -> None:
        # A client that never retries: the server itself must answer.
        client = triton.InferenceServerClient(server.grpc)
        name, inputs = asked[caller % 2][0], sent[caller]
        tensor = triton.InferInput(client.get_model_metadata(name).inputs[0].name, list(inputs.shape), "FP32")
        tensor.set_data_from_numpy(inputs)
        while not stop.is_set():
            try:
                answer = client.infer(name, [tensor], client_timeout=30)
                output = answer.get_response().outputs[0].name
                np.testing.assert_allclose(answer.as_numpy(output), truths[caller], atol=1e-5)
            except Exception as fault:
                faults.append(fault)
                break
            answered[caller] += 1
        client.close()

    callers = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for caller in callers:
        caller.start()
    for _ in range(KILLS):
        before = sum(answered)
        until(lambda before=before: sum(answered) > before + 100 or faults)
        worker = pid_of(server.pid, "worker onnx")
        os.kill(worker, signal.SIGKILL)
        until(lambda worker=worker: pid_of(server.pid, "worker onnx") != worker)
    before = sum(answered)
    until(lambda: sum(answered) > before + 100 or faults)
    stop.set()
    for caller in callers:
        caller.join()
    assert [str(fault) for fault in faults] == []
    assert sample(server, "horngate_worker_restarts_total", worker="onnx") == KILLS


def test_a_gateway_that_dies_is_replaced_and_the_sdk_retries(
    saved_models: tuple[Path, dict[str, Any]], start: Start
) -> None:
    folder, models = saved_models
    server = start(folder)
    inputs = inputs_for(models["dense"], rows=3, seed=1)[0]
    with Client(server.grpc) as client:
        truth = client.predict("dense", inputs)
        gateway = pid_of(server.pid, "gateway 1")
        os.kill(gateway, signal.SIGKILL)
        np.testing.assert_array_equal(client.predict("dense", inputs, timeout=30), truth)


def test_no_process_outlives_a_killed_supervisor(
    saved_models: tuple[Path, dict[str, Any]], tmp_path: Path, cache: Path
) -> None:
    from horngate.cli.serving import serving
    from tests.integration.processes import is_alive, titles

    with serving(saved_models[0], workspace=tmp_path, arguments=("--cache", str(cache))) as server:
        family = titles(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not any(is_alive(pid) for pid in family if pid != server.pid))
    assert server.exit_code == -signal.SIGKILL
