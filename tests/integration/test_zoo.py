"""Networks of the zoo, served by name."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.zoo.architectures import build


def tuned() -> keras.Model:
    """The network with kernels of He's scale: untrained ones let the signal die, and every answer is alike."""
    model = build("mobilenet_v2", None)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights and weights[0].ndim in (2, 4):
            kernel = weights[0]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = kernel.shape[0] * kernel.shape[1] if depthwise else kernel.size // kernel.shape[-1]
            layer.set_weights([kernel * np.sqrt(2 / fan_in) / kernel.std(), *weights[1:]])
    return model


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("zoo")
    folder = workspace / "models"
    (folder / "small").mkdir(parents=True)
    (folder / "small" / "model.toml").write_text('source = "zoo:MobileNetV2"\nweights = "none"\n')
    (folder / "tuned").mkdir()
    (folder / "tuned" / "model.toml").write_text('source = "zoo:mobilenet_v2"\nweights = "own.weights.h5"\n')
    tuned().save_weights(folder / "tuned" / "own.weights.h5")
    (folder / "absent").mkdir()
    (folder / "absent" / "model.toml").write_text('source = "zoo:mobilenet_v2"\nweights = "absent.h5"\n')
    arguments = ("--cache", str(cache), "--zoo", "mobilenet_v2", "--zoo-weights", "none")
    with serving(folder, workspace=workspace, arguments=arguments) as running:
        yield running


def test_weights_from_a_file_beside_model_toml(server: Serving) -> None:
    images = np.random.default_rng(2).uniform(-1, 1, (2, 224, 224, 3)).astype(np.float32)
    truth = tuned().predict(images, verbose=0)
    with Client(server.grpc) as client:
        answer = client.predict("tuned", images)
        assert not np.allclose(answer, client.predict("small", images), atol=1e-5 * truth.max(), rtol=0)
    np.testing.assert_allclose(answer, truth, atol=1e-5 * truth.max(), rtol=0)


def test_weights_that_are_not_there_are_told(server: Serving) -> None:
    with Client(server.grpc) as client:
        reasons = {one.name: one.reason for one in client.models() if one.state == "UNAVAILABLE"}
    assert "No such file" in reasons["absent"]


def test_mobilenet_v2_equals_keras_from_flag_and_from_model_toml(server: Serving) -> None:
    model = build("mobilenet_v2", None)
    images = np.random.default_rng(1).uniform(-1, 1, (3, 224, 224, 3)).astype(np.float32)
    truth = model.predict(images, verbose=0)
    layer = keras.Model(model.input, model.get_layer("block_6_expand_relu").output).predict(images, verbose=0)
    with Client(server.grpc) as client:
        for name in ("mobilenet_v2", "small"):
            np.testing.assert_allclose(client.predict(name, images), truth, atol=1e-5 * truth.max(), rtol=0)
        answer = client.predict("mobilenet_v2", images, layers="block_6_expand_relu")
        np.testing.assert_allclose(answer, layer, atol=1e-5 * layer.max(), rtol=0)
        assert client.describe("small").source == "zoo:MobileNetV2 (random weights)"
