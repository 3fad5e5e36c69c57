"""What is served equals Keras's own prediction: every shape of model, every engine, any company in the batch."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.cli.serving import Serving
from horngate.client import Client
from tests.integration.conftest import Fixture, Start
from tests.integration.models import MODELS, Array, as_sent, inputs_for

TOLERANCE = 1e-5
CLIENTS = 32
ENGINES = ("onnxruntime", "openvino", "keras")


def expected(model: Any, inputs: list[Array]) -> list[Array]:
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def served(client: Client, name: str, model: Any, inputs: list[Array]) -> list[Array]:
    answer = client.predict(name, as_sent(model, inputs), timeout=60)
    return list(answer.values()) if isinstance(answer, dict) else [answer]


def worst(expected_outputs: list[Array], outputs: list[Array]) -> float:
    assert [array.shape for array in outputs] == [array.shape for array in expected_outputs]
    return max(
        float(np.max(np.abs(output - true))) / float(np.max(np.abs(true)))
        for true, output in zip(expected_outputs, outputs, strict=True)
    )


@pytest.fixture(scope="module")
def per_engine(
    saved_models: tuple[Path, dict[str, Any]], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A server that holds every model on every engine, as `NAME-ENGINE`."""
    from horngate.cli.serving import serving

    source, models = saved_models
    folder = tmp_path_factory.mktemp("engines") / "models"
    for name in MODELS:
        for engine in ENGINES:
            version = folder / f"{name}-{engine}" / "1"
            version.mkdir(parents=True)
            original = path_of_saved(source, name)
            shutil.copy(original, version / f"model{original.suffix}")
            (version.parent / "model.toml").write_text(f'engine = "{engine}"\n')
    workspace = tmp_path_factory.mktemp("engines-server")
    with serving(folder, workspace=workspace, arguments=("--cache", str(cache))) as server:
        yield server, models
    assert server.exit_code == 0


def path_of_saved(folder: Path, name: str) -> Path:
    found = [path for path in folder.rglob("*") if path.stem == name or path.parent.parent.name == name]
    return next(path for path in found if path.is_file())


Asked = dict[str, list[tuple[list[Array], list[Array]]]]


@pytest.fixture(scope="module")
def asked(saved_models: tuple[Path, dict[str, Any]]) -> Asked:
    """For each model, inputs of 1 to 7 rows, and what Keras answers to them."""
    return {name: asked_of(model) for name, model in saved_models[1].items() if name in MODELS}


def asked_of(model: Any) -> list[tuple[list[Array], list[Array]]]:
    """Keras is asked once, for all rows."""
    requests = [inputs_for(model, rows=1 + seed % 7, seed=seed) for seed in range(CLIENTS)]
    ends = np.cumsum([len(inputs[0]) for inputs in requests])[:-1]
    whole = expected(model, [np.concatenate(each) for each in zip(*requests, strict=True)])
    parts = zip(*(np.split(output, ends) for output in whole), strict=True)
    return [(inputs, list(outputs)) for inputs, outputs in zip(requests, parts, strict=True)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", list(MODELS))
def test_32_clients_with_mixed_rows_each_get_keras_answers(
    per_engine: tuple[Serving, dict[str, Any]], asked: Asked, name: str, engine: str
) -> None:
    server, models = per_engine
    model = models[name]
    requests, truths = zip(*asked[name], strict=True)
    with Client(server.grpc) as client, ThreadPoolExecutor(CLIENTS) as pool:
        assert client.describe(f"{name}-{engine}").engine.startswith(engine)
        answers = list(pool.map(lambda inputs: served(client, f"{name}-{engine}", model, inputs), requests))
    errors = [worst(truth, answer) for truth, answer in zip(truths, answers, strict=True)]
    assert max(errors) < TOLERANCE


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", list(MODELS))
def test_every_layer_equals_kerass_own(
    per_engine: tuple[Serving, dict[str, Any]], name: str, engine: str
) -> None:
    """Of ten networks, the largest among them, in `test_every_layer`."""
    from tests.integration.kerass_layers import layer_outputs

    server, models = per_engine
    inputs = inputs_for(models[name], rows=3, seed=1)
    truth = layer_outputs(models[name], inputs)
    with Client(server.grpc) as client:
        names = list(client.describe(f"{name}-{engine}").spec.requestable)
        sent = as_sent(models[name], inputs)
        answers = client.predict(f"{name}-{engine}", sent, layers=names, timeout=60)
    assert sorted(names) == sorted(truth)
    for layer, answer in answers.items():
        assert worst([truth[layer]], [answer]) < TOLERANCE


def test_a_request_above_the_cap_is_split_and_comes_back_whole_and_in_order(
    saved_models: tuple[Path, dict[str, Any]], start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "dense"
    (folder / "1").mkdir(parents=True)
    shutil.copy(path_of_saved(saved_models[0], "dense"), folder / "1" / "model.h5")
    (folder / "model.toml").write_text("max_rows = 4\n")
    model = saved_models[1]["dense"]
    inputs = inputs_for(model, rows=31, seed=1)
    with Client(start(tmp_path / "models").grpc) as client:
        assert client.describe("dense").cap == 4
        assert worst(expected(model, inputs), served(client, "dense", model, inputs)) < TOLERANCE


def test_a_free_axis_takes_any_size_and_sizes_do_not_mix(served: Fixture, client: Client) -> None:
    model = served.models["recurrent"]
    generator = np.random.default_rng(3)
    requests = [generator.integers(0, 50, (2, length)).astype(np.int32) for length in (3, 9, 5, 3, 9, 4)]
    truths = [model.predict(request, verbose=0) for request in requests]
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda request: client.predict("recurrent", request), requests))
    for truth, answer in zip(truths, answers, strict=True):
        assert worst([truth], [answer]) < TOLERANCE
