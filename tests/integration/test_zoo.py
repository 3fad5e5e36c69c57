"""Networks of the zoo, served by name."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.zoo.architectures import build


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("zoo")
    folder = workspace / "models"
    (folder / "small").mkdir(parents=True)
    (folder / "small" / "model.toml").write_text('source = "zoo:MobileNetV2"\nweights = "none"\n')
    arguments = ("--cache", str(cache), "--zoo", "mobilenet_v2", "--zoo-weights", "none")
    with serving(folder, workspace=workspace, arguments=arguments) as running:
        yield running


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
