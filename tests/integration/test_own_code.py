"""Models that compute in Python code of their own, through a server: by their layers, or as one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client, InvalidRequest, Unsupported
from tests.integration.processes import until

pytestmark = pytest.mark.slow

X = np.linspace(-1, 1, 18, dtype=np.float32).reshape(3, 6)
CODE = Path(__file__).parent / "own_networks.py"


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    from tests.integration import own_networks

    made = {name: getattr(own_networks, name.title())() for name in ("plain", "raw", "switching")}
    for model in made.values():
        model(X)
    return made


@pytest.fixture(scope="module")
def server(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("own")
    for name, model in models.items():
        place = folder / "models" / name
        (place / "1").mkdir(parents=True)
        model.save(place / "1" / "model.keras")
        (place / "own_networks.py").write_text(CODE.read_text())
        (place / "model.toml").write_text(f'custom_objects = ["own_networks:{name.title()}"]\n')
    arguments = ("--cache", str(folder / "cache"))
    with serving(folder / "models", workspace=folder, arguments=arguments) as server:
        yield server


def test_layers_of_code_that_can_be_followed(server: Serving, models: dict[str, Any]) -> None:
    plain = models["plain"]
    with Client(server.grpc) as client:
        assert "keras" not in client.describe("plain").engine
        names = [layer.name for layer in client.describe("plain").layers]
        assert names == ["x", "one", "norm", "dropout", "twice", "relu", "twice:1"]
        answers = client.predict("plain", X, layers=["one", "twice:1", "layer:1"])
        trained = client.predict("plain", X, layers="norm", training=True)
    np.testing.assert_allclose(answers["one"], plain.one(X), atol=1e-5)
    np.testing.assert_allclose(answers["twice:1"], plain(X), atol=1e-5)
    np.testing.assert_array_equal(answers["one"], answers["layer:1"])
    np.testing.assert_allclose(trained.mean(axis=0), 0, atol=1e-5)


def test_code_that_cannot_be_followed_is_served_and_says_so(server: Serving, models: dict[str, Any]) -> None:
    with Client(server.grpc) as client:
        np.testing.assert_allclose(client.predict("raw", X), models["raw"](X), atol=1e-5)
        with pytest.raises(
            InvalidRequest, match="the layers inside of Raw are not known, for its code cannot"
        ):
            client.predict("raw", X, layers="a")
        np.testing.assert_allclose(client.predict("raw", X, training=True), models["raw"](X), atol=1e-5)


def test_code_with_another_graph_in_training_has_no_such_phase(server: Serving) -> None:
    with Client(server.grpc) as client:
        until(lambda: client.is_ready("switching"))
        with pytest.raises(Unsupported, match="does other things in training"):
            client.predict("switching", X, training=True)
