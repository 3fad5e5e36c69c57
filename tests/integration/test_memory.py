"""Memory that runs out costs nobody an answer; what cannot fit is refused, with the sums."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.client import Client
from tests.integration.conftest import Start
from tests.integration.models import inputs_for
from tests.integration.processes import until
from tests.integration.test_metrics import sample

REQUESTS = 400
CALLERS = 16


@pytest.fixture
def faulty(
    saved_models: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """A folder with `dense`, on an engine of `flaky_engine`, which has no faults yet."""
    engines = "short=flaky_engine:Short,starving=flaky_engine:Starving"
    monkeypatch.setenv("HORNGATE_ENGINES", engines)
    monkeypatch.setenv("HORNGATE_TEST_FAULTS", str(tmp_path / "faults"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def folder(engine: str) -> Path:
        model = tmp_path / "models" / "dense"
        (model / "1").mkdir(parents=True)
        os.link(saved_models[0] / "dense.h5", model / "1" / "model.h5")
        (model / "model.toml").write_text(f'engine = "{engine}"\nbatching = "largest"\n')
        return model.parent

    return folder


def test_out_of_memory_on_some_batches_costs_no_answer(
    saved_models: tuple[Path, dict[str, Any]],
    faulty: Callable[[str], Path],
    start: Start,
    tmp_path: Path,
) -> None:
    model = saved_models[1]["dense"]
    inputs = [inputs_for(model, rows=1 + seed % 9, seed=seed)[0] for seed in range(REQUESTS)]
    truths = np.split(
        model.predict(np.concatenate(inputs), verbose=0), np.cumsum([len(each) for each in inputs])[:-1]
    )
    server = start(faulty("short"))
    (tmp_path / "faults").write_text("0.05")
    with Client(server.grpc) as client, ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda x: client.predict("dense", x, timeout=30), inputs))
        cap = client.describe("dense").cap
    for truth, answer in zip(truths, answers, strict=True):
        np.testing.assert_allclose(answer, truth, atol=1e-5)
    assert sample(server, "horngate_out_of_memory_total", model="dense") > 0
    assert sample(server, "horngate_batches_halved_total", model="dense") > 0
    assert sample(server, "horngate_requests_total", code="OK") >= REQUESTS
    assert cap < 1 << 16, "the lesson is told"


def test_a_worker_that_memory_ends_comes_back_with_a_lower_cap_and_answers(
    saved_models: tuple[Path, dict[str, Any]],
    faulty: Callable[[str], Path],
    start: Start,
    tmp_path: Path,
) -> None:
    model = saved_models[1]["dense"]
    rows = inputs_for(model, rows=64, seed=1)[0]
    folder = faulty("starving")
    server = start(folder)
    (tmp_path / "faults").write_text("20")
    with Client(server.grpc) as client:
        answer = client.predict("dense", rows, timeout=60)
        np.testing.assert_allclose(answer, model.predict(rows, verbose=0), atol=1e-5)
        assert client.describe("dense").cap == 16
        client.predict("dense", rows, timeout=60)
    assert sample(server, "horngate_worker_restarts_total") == 1
    assert sample(server, "horngate_workers_starved_total") == 1
    with Client(start(folder).grpc) as client:
        assert client.describe("dense").cap == 16, "a restart of the server begins where this one was"


def test_a_model_that_does_not_fit_is_refused_with_the_sums_and_the_others_serve(
    saved_models: tuple[Path, dict[str, Any]], start: Start, tmp_path: Path
) -> None:
    import keras

    folder = tmp_path / "models"
    folder.mkdir()
    os.link(saved_models[0] / "dense.h5", folder / "dense.h5")
    network = keras.Sequential([keras.Input((4500,)), keras.layers.Dense(4500, name="wide")])
    network.save(folder / "large.h5")
    server = start(folder, "--memory", "150MiB")
    with Client(server.grpc) as client:
        states = {model.name: model for model in client.models()}
        assert states["dense"].state == "READY"
        assert states["large"].state == "UNAVAILABLE"
        assert "large/1 needs 77.3 MiB" in states["large"].reason
        assert "of a budget of 150.0 MiB, of which the process holds" in states["large"].reason
        assert "--memory" in states["large"].reason
        assert client.predict("dense", np.zeros((3, 12), np.float32)).shape == (3, 4)
    assert sample(server, "horngate_memory_budget_bytes") == 150 << 20


def test_caps_follow_what_else_is_loaded(
    saved_models: tuple[Path, dict[str, Any]], start: Start, tmp_path: Path
) -> None:
    import keras

    folder = tmp_path / "models"
    (folder / "image" / "1").mkdir(parents=True)
    (folder / "image" / "model.toml").write_text('engine = "onnxruntime"\n')
    layers = [keras.Input((64, 64, 3)), keras.layers.Conv2D(64, 3, name="conv")]
    network = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(name="mean")])
    network.save(folder / "image" / "1" / "model.h5")
    server = start(folder, "--memory", "400MiB")
    with Client(server.grpc) as client:
        alone = client.describe("image").cap
        keras.Sequential([keras.Input((2000,)), keras.layers.Dense(6000)]).save(tmp_path / "second.h5")
        (tmp_path / "second.h5").rename(folder / "second.h5")
        until(lambda: any(each.name == "second" and each.state == "READY" for each in client.models()))
        beside = until(lambda: cap if (cap := client.describe("image").cap) < alone else 0)
        (folder / "second.h5").unlink()
        until(lambda: client.describe("image").cap > beside)
    used = sample(server, "horngate_device_used_bytes")
    assert 0 < used < 400 << 20
