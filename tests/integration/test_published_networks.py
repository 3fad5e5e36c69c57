"""Every network of the FAQ's list, from a file of published weights to an answer: `pytest -m slow` runs it.

The files have the names, shapes and order that the code which wrote the published ones gives them: the network as
it was in Keras 2, and what it answers on a photograph, is what the served one is held against.
"""

import gc
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.cli.serving import serving
from horngate.client import Client
from horngate.zoo.architectures import build
from horngate.zoo.registry import Network, find
from tests.zoo.old_keras import MODULES, enliven_on, old_applications, old_network
from tests.zoo.published import AUTOMATIC, as_published, write_published
from tests.zoo.weights.place import place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RENAMED = {"fc1000", "fc", "probs", "predictions", "Logits", "logits", "conv_preds"}
"""What the head was and is called."""


@pytest.fixture(scope="module", autouse=True)
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with old_applications(tmp_path_factory.mktemp("old")):
        yield


def photograph(network: Network) -> Any:
    """Two photographs in the network's size, prepared as it was trained on them."""
    from sklearn.datasets import load_sample_images

    size = (network.default_size,) * 2
    pixels = np.stack([keras.ops.image.resize(one, size) for one in load_sample_images().images])
    return keras.applications.imagenet_utils.preprocess_input(
        pixels.astype(np.float32), mode=network.preprocessing
    )


@pytest.mark.parametrize("name", MODULES)
def test_a_network_of_the_faq(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = find(name)
    images = photograph(network)
    path, truth, names = published(network, images, tmp_path)
    assert_named_alike(network, names)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HORNGATE_ZOO_PINS", str(pins(path)))
    monkeypatch.setattr("horngate.cli.serving.READY_TIMEOUT_S", 1500.0)
    (tmp_path / "models").mkdir()
    with place({path.name: path.read_bytes()}) as there:
        path.unlink()
        arguments = ("--zoo", network.name, "--zoo-mirror", there.url)
        with serving(tmp_path / "models", workspace=tmp_path, arguments=arguments) as server:
            answer = ask(server.grpc, network.name, images)
    assert there.asked == [(f"/{path.name}", "")]
    assert (tmp_path / "keras" / "models" / path.name).exists()
    assert np.ptp(truth) > 0.001
    # The old ResNeXt summed its groups' channels in another order; in Keras, too, the two forms differ by 7e-5.
    away = 1e-4 if network.name.startswith("resnext") else 1e-5
    np.testing.assert_allclose(answer, truth, rtol=0, atol=away * truth.max())


def published(network: Network, images: Any, folder: Path) -> tuple[Path, Any, list[str]]:
    """A file of weights as they were published, what the network of then answers, its layers that have weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, old_names = old_network(network.keras_name)
    assert model.count_params() == network.published.parameters
    enliven_on(model, images)
    path = folder / network.weights[0].name
    write_published(model, path, lambda name: old_names.get(name) or as_published(name))
    truth = model.predict(images, verbose=0)
    names = [layer.name for layer in model.layers if layer.weights]
    del model
    gc.collect()
    return path, truth, names


def assert_named_alike(network: Network, old_names: list[str]) -> None:
    """Layers that were given a name have it still, in the same order; heads were renamed."""
    model = build(network.name)
    assert model.count_params() == network.published.parameters
    todays = [layer.name for layer in model.layers if layer.weights]
    assert [kept(name) for name in todays] == [kept(name) for name in old_names]
    del model
    keras.utils.clear_session(free_memory=True)
    gc.collect()


def kept(name: str) -> str:
    return "" if AUTOMATIC.fullmatch(name) or name in RENAMED else name


def pins(path: Path) -> Path:
    file = path.with_name("SHA256SUMS")
    file.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return file


def ask(grpc: str, name: str, images: Any) -> Any:
    with Client(grpc) as client:
        states = {one.name: (one.state, one.reason) for one in client.models()}
        assert states[name][0] == "READY", states
        return client.predict(name, images)
