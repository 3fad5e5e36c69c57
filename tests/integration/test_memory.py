"""Memory that runs out costs nobody an answer; what cannot fit is refused, with the sums."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.limits import Limit
from horngate.client import Client
from horngate.server.artifact import Artifact, program_file
from tests.integration.building import build_ahead
from tests.integration.conftest import Start
from tests.integration.models import inputs_for
from tests.integration.processes import pid_of, until
from tests.integration.test_metrics import sample

REQUESTS = 400
CALLERS = 16


@pytest.fixture
def faulty(
    saved_models: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """A folder with `dense`, on an engine of `flaky_engine`, which has no faults yet."""
    engines = ("Short", "Starving", "Slow", "Hungry", "Poisoned")
    known = ",".join(f"{name.lower()}=flaky_engine:{name}" for name in engines)
    monkeypatch.setenv("HORNGATE_ENGINES", known)
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
    (tmp_path / "faults").write_text("0.01")
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


def test_programs_for_layers_are_made_beside_other_traffic(
    saved_models: tuple[Path, dict[str, Any]],
    faulty: Callable[[str], Path],
    start: Start,
    tmp_path: Path,
) -> None:
    rows = inputs_for(saved_models[1]["dense"], rows=3, seed=1)[0]
    with Client(start(faulty("slow")).grpc) as client, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(client.predict, "dense", rows, layers="hidden") for _ in range(2)]
        for _ in range(20):
            assert client.predict("dense", rows).shape == (3, 4)
        assert not any(each.done() for each in waiting)
        (tmp_path / "faults").write_text("1")
        assert [each.result().shape for each in waiting] == [(3, 16), (3, 16)]


def test_programs_for_layers_keep_to_the_budget_and_those_that_settings_name_are_there_at_once(
    start: Start, tmp_path: Path, cache: Path
) -> None:
    import keras

    names = [f"wide{number}" for number in range(5)]
    wide = [keras.layers.Dense(1100, name=name) for name in names]
    network = keras.Sequential([keras.Input((1100,)), *wide])
    folder = tmp_path / "models" / "deep"
    (folder / "1").mkdir(parents=True)
    network.save(folder / "1" / "model.h5")
    (folder / "model.toml").write_text('engine = "onnxruntime"\nlayers = ["wide1", "layer:2, layer:0"]\n')
    build_ahead(tmp_path / "models", cache)
    server = start(tmp_path / "models", "--memory", "300MiB")
    for outputs in (("wide1",), ("wide0", "wide2")):
        made = [program_file(Artifact(built), outputs) for built in cache.iterdir() if built.is_dir()]
        assert sum(path.exists() for path in made) == 1
    x = np.random.default_rng(1).standard_normal((2, 1100)).astype(np.float32)
    each = keras.Model(network.inputs, [layer.output for layer in wide]).predict(x, verbose=0)
    truth = dict(zip(names, each, strict=True))
    with Client(server.grpc) as client:
        for pair in itertools.combinations(names, 2):
            for name, answer in client.predict("deep", x, layers=list(pair), timeout=60).items():
                np.testing.assert_allclose(answer, truth[name], atol=1e-4)
            assert sample(server, "horngate_model_memory_bytes", model="deep") < 300 << 20
    assert sample(server, "horngate_device_used_bytes") < 300 << 20
    assert sample(server, "horngate_programs_given_up_total", model="deep") > 0
    assert sample(server, "horngate_programs", model="deep") >= 3


def test_settings_that_name_a_layer_that_is_not_there_are_told(
    saved_models: tuple[Path, dict[str, Any]], start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "dense"
    (folder / "1").mkdir(parents=True)
    os.link(saved_models[0] / "dense.h5", folder / "1" / "model.h5")
    (folder / "model.toml").write_text('layers = ["hiden"]\n')
    with Client(start(folder.parent).grpc) as client:
        (status,) = client.models()
    assert (status.state, status.reason) == (
        "UNAVAILABLE",
        "layers names 'hiden'; expected one of 'hidden', …",
    )


def test_a_worker_that_the_kernel_kills_comes_back_with_a_lower_cap_and_answers(
    saved_models: tuple[Path, dict[str, Any]],
    faulty: Callable[[str], Path],
    start: Start,
    tmp_path: Path,
) -> None:
    """Its control group has 900 MiB left; 64 rows take 1,280. Its successor has a quarter of the rows."""
    limit = Limit(900 << 20)
    if limit.group is None:
        pytest.skip("this process may make no control group")
    model = saved_models[1]["dense"]
    rows = inputs_for(model, rows=64, seed=1)[0]
    server = start(faulty("hungry"))
    try:
        limit.take(pid_of(server.pid, "worker onnx"))
        (tmp_path / "faults").write_text("20")
        with Client(server.grpc) as client:
            answer = client.predict("dense", rows, timeout=60)
            cap = client.describe("dense").cap
        assert limit.kills() == 1, "it was the kernel"
    finally:
        limit.remove()
    np.testing.assert_allclose(answer, model.predict(rows, verbose=0), atol=1e-5)
    assert cap == 16
    assert sample(server, "horngate_workers_starved_total") == 1


def test_a_request_that_kills_its_worker_twice_is_refused_and_its_neighbours_are_answered(
    saved_models: tuple[Path, dict[str, Any]],
    faulty: Callable[[str], Path],
    start: Start,
    tmp_path: Path,
) -> None:
    model = saved_models[1]["dense"]
    inputs = [inputs_for(model, rows=3, seed=seed)[0] for seed in range(64)]
    inputs[7] = np.full_like(inputs[7], 13.0)
    server = start(faulty("poisoned"))
    (tmp_path / "faults").write_text("13")
    with Client(server.grpc) as client, ThreadPoolExecutor(CALLERS) as pool:
        answers = [pool.submit(client.predict, "dense", x, timeout=60) for x in inputs]
        fault = answers.pop(7).exception()
        for x, answer in zip([*inputs[:7], *inputs[8:]], answers, strict=True):
            np.testing.assert_allclose(answer.result(), model.predict_on_batch(x), atol=1e-5)
        cap = client.describe("dense").cap
    assert fault is not None
    assert "two workers ended over this request" in str(fault)
    assert sample(server, "horngate_worker_restarts_total") == 2
    assert cap == 1 << 16, "who was killed by somebody else has nothing to teach"


def test_a_model_that_does_not_fit_is_refused_with_the_sums_and_the_others_serve(
    saved_models: tuple[Path, dict[str, Any]], start: Start, tmp_path: Path, cache: Path
) -> None:
    import keras

    folder = tmp_path / "models"
    folder.mkdir()
    os.link(saved_models[0] / "dense.h5", folder / "dense.h5")
    network = keras.Sequential([keras.Input((4500,)), keras.layers.Dense(4500, name="wide")])
    network.save(folder / "large.h5")
    build_ahead(folder, cache)
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


@pytest.mark.slow
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
