"""A model whose layers are on two devices, served beside one whose placement cannot be."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client, Unsupported
from tests.integration.models import as_sent, inputs_for
from tests.integration.processes import titles, until

PLACEMENTS = {
    "several": '[placement]\n"cpu:1" = ["shared", "parts"]\n"cpu:0" = ["both"]\n',
    "dense": '[placement]\n"cpu:1" = ["conv_*"]\n',
}


@pytest.fixture(scope="module")
def placed(
    saved_models: tuple[Path, dict[str, Any]], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("placed")
    for name, text in PLACEMENTS.items():
        source = next(saved_models[0].glob(f"{name}.*"))
        version = workspace / "models" / name / "1"
        version.mkdir(parents=True)
        os.link(source, version / f"model{source.suffix}")
        (version.parent / "model.toml").write_text(text)
    arguments = ("--cache", str(cache), "--devices", "cpu:0,cpu:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HORNGATE_VIRTUAL_DEVICES", "2")
        with serving(workspace / "models", workspace=workspace, arguments=arguments) as server:
            yield server
    assert server.exit_code == 0


def test_a_placed_model_answers_as_keras_does(
    placed: Serving, saved_models: tuple[Path, dict[str, Any]]
) -> None:
    model = saved_models[1]["several"]
    inputs = inputs_for(model, rows=3, seed=5)
    middle = keras.Model(model.inputs, model.get_layer("both").output)
    with Client(placed.grpc) as client:
        answers = client.predict("several", as_sent(model, inputs))
        both = client.predict("several", as_sent(model, inputs), layers="both")
    for answer, truth in zip(answers.values(), model.predict(inputs, verbose=0), strict=True):
        np.testing.assert_allclose(answer, truth, atol=1e-5)
    np.testing.assert_allclose(both, middle.predict(inputs, verbose=0), atol=1e-5)


def test_its_training_phase_is_refused(placed: Serving, saved_models: tuple[Path, dict[str, Any]]) -> None:
    model = saved_models[1]["several"]
    sent = as_sent(model, inputs_for(model, rows=3, seed=5))
    with Client(placed.grpc) as client, pytest.raises(Unsupported, match="its layers are placed on several"):
        client.predict("several", sent, training=True)


def test_one_worker_has_every_device(placed: Serving) -> None:
    with Client(placed.grpc) as client:
        assert "with layers on cpu:1, cpu:0" in client.describe("several").engine
    workers = {title for title in titles(placed.pid).values() if "worker" in title}
    assert workers == {"horngate: worker keras on all devices"}


def test_a_placement_that_cannot_be_is_told(placed: Serving) -> None:
    with Client(placed.grpc) as client:
        reason = until(lambda: {each.name: each for each in client.models()}["dense"].reason)
    assert "no layer matches 'conv_*'; expected a pattern of hidden, probabilities" in reason
