"""Every layer of ten networks, through the server, on each engine, equal to Keras's own sub-models.

`pytest -m slow tests/integration/test_every_layer.py`; the default suite has the small networks of `models`
instead, in `test_agreement`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.cli.serving import serving
from horngate.client import Client
from tests.integration.kerass_layers import Array, layer_outputs
from tests.integration.models import as_sent, inputs_for
from tests.integration.networks import NETWORKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

AT_ONCE = 8
"""So many layers a request: a program for each eight, as nobody asks for all of them."""
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("networks")
    networks = {}
    for name, make in NETWORKS.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(3)
        networks[name] = make()
        networks[name].save(folder / f"{name}.keras")
    return folder, networks


@pytest.fixture(scope="module", params=["onnxruntime", "openvino", "keras"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def client(
    engine: str, saved: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    workspace = tmp_path_factory.mktemp(engine)
    for name in NETWORKS:
        version = workspace / "models" / name / "1"
        version.mkdir(parents=True)
        shutil.copy(saved[0] / f"{name}.keras", version / "model.keras")
        (version.parent / "model.toml").write_text(f'engine = "{engine}"\n')
    arguments = ("--cache", str(saved[0] / "cache"))
    with (
        serving(
            workspace / "models", workspace=workspace, arguments=arguments, ready_timeout_s=600
        ) as server,
        Client(server.grpc, timeout=120) as connected,
    ):
        yield connected


@pytest.fixture(scope="module")
def truths(saved: tuple[Path, dict[str, Any]]) -> dict[str, dict[str, Array]]:
    return {name: layer_outputs(model, inputs_for(model, rows=2, seed=4)) for name, model in saved[1].items()}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_layer_equals_kerass_own(
    client: Client,
    engine: str,
    saved: tuple[Path, dict[str, Any]],
    truths: dict[str, dict[str, Array]],
    name: str,
) -> None:
    model, truth = saved[1][name], truths[name]
    description = client.describe(name)
    assert description.engine.startswith(engine)
    names = [output.name for layer in description.layers for output in layer.outputs]
    assert sorted(names) == sorted(truth)
    sent = as_sent(model, inputs_for(model, rows=2, seed=4))
    for begin in range(0, len(names), AT_ONCE):
        for layer, answer in client.predict(name, sent, layers=names[begin : begin + AT_ONCE]).items():
            assert answer.shape == truth[layer].shape
            scale = float(np.max(np.abs(truth[layer])))
            np.testing.assert_allclose(
                answer, truth[layer], rtol=0, atol=TOLERANCE * max(1.0, scale), err_msg=layer
            )


def test_indexes_are_kerass_own(client: Client, saved: tuple[Path, dict[str, Any]]) -> None:
    model = saved[1]["transferred"]
    sent = inputs_for(model, rows=1, seed=4)[0]
    for index in (0, 1, 2, -1):
        name = model.layers[index].name
        answers = client.predict("transferred", sent, layers=[f"layer:{index}", name])
        np.testing.assert_array_equal(answers[f"layer:{index}"], answers[name])
    inside = model.get_layer("resnet50").layers[120].name
    answers = client.predict("transferred", sent, layers=["resnet50/layer:120", f"resnet50/{inside}"])
    np.testing.assert_array_equal(*answers.values())
