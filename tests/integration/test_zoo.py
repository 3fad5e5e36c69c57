"""Networks of the zoo, served by name."""

from collections.abc import Iterator
from functools import cache as once
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.applications import imagenet_utils

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.zoo.architectures import build
from horngate.zoo.images.decoding import decode
from horngate.zoo.images.published import published_recipe
from horngate.zoo.labels import imagenet
from horngate.zoo.registry import read_choice
from tests.zoo.images.pictures import encoded, photograph, wanted
from tests.zoo.published import enliven, write_published
from tests.zoo.weights.place import place

SMALL = "mobilenet:alpha=0.25:input_shape=128x128x3"
SECOND = "mobilenet_v2:alpha=0.35:input_shape=96x96x3"


@once
def tuned() -> keras.Model:
    """SMALL with kernels of He's scale: untrained ones let the signal die, and every answer is alike."""
    model = build(SMALL)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights and weights[0].ndim in (2, 4):
            kernel = weights[0]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = kernel.shape[0] * kernel.shape[1] if depthwise else kernel.size // kernel.shape[-1]
            layer.set_weights([kernel * np.sqrt(2 / fan_in) / kernel.std(), *weights[1:]])
    return model


MODELS = {
    "absent": 'source = "zoo:mobilenet_v2"\nweights = "absent.h5"\n',
    "small": 'source = "zoo:MobileNetV2"\nweights = "none"\nalpha = 0.35\ninput_shape = [96, 96, 3]\n',
    "tuned": f'source = "zoo:{SMALL}"\nweights = "own.weights.h5"\n',
    "published": 'source = "zoo:MobileNet"\nalpha = 0.25\ninput_shape = [128, 128, 3]\n',
    "features": f'source = "zoo:{SMALL}"\ninclude_top = false\npooling = "avg"\n',
    "elsewhere": 'source = "zoo:vgg16"\n',
    "misspelt": 'source = "zoo:vgg61"\n',
    "headless": 'source = "zoo:resnet50"\npooling = "avg"\n',
    "no_network": 'pooling = "avg"\n',
}
"""Models by their `model.toml`; the first and the last few cannot be served."""


@once
def network(line: str) -> keras.Model:
    return enliven(build(line))


def published_files(workspace: Path) -> dict[str, bytes]:
    """Weights as they were published, for two networks that Keras publishes no hash for."""
    files = {}
    for line in (SMALL, f"{SMALL}:include_top=false"):
        path = workspace / read_choice(line).published.name
        write_published(network(line), path)
        files[path.name] = path.read_bytes()
    return files


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("zoo")
    folder = workspace / "models"
    for name, text in MODELS.items():
        (folder / name).mkdir(parents=True)
        # Larger batches would be timed, for seconds each.
        (folder / name / "model.toml").write_text(f"{text}max_rows = 4\n")
    tuned().save_weights(folder / "tuned" / "own.weights.h5")
    arguments = ("--cache", str(cache), "--zoo", SECOND, "--zoo-weights", "none")
    with pytest.MonkeyPatch.context() as patch, place(published_files(workspace)) as there:
        patch.setenv("KERAS_HOME", str(workspace / "keras"))
        mirror = ("--zoo-mirror", there.url)
        with serving(folder, workspace=workspace, arguments=(*arguments, *mirror)) as running:
            yield running


def test_weights_from_a_file_beside_model_toml(server: Serving) -> None:
    images = np.random.default_rng(2).uniform(-1, 1, (2, 128, 128, 3)).astype(np.float32)
    truth, others = (model.predict(images, verbose=0) for model in (tuned(), network(SMALL)))
    with Client(server.grpc) as client:
        answer = client.predict("tuned", images)
    assert not np.allclose(answer, others, atol=1e-5 * truth.max(), rtol=0)
    np.testing.assert_allclose(answer, truth, atol=1e-5 * truth.max(), rtol=0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", ["No such file"]),
        ("elsewhere", ["404 Not Found", "`horngate zoo fetch vgg16`", "/keras/models", "--zoo-weights none"]),
        ("misspelt", ["no network of the zoo is named 'vgg61'; near matches: vgg"]),
        ("headless", ["pooling is 'avg' and the head is there"]),
        ("no_network", ['pooling is set; that is for a network of the zoo, source = "zoo:NAME"']),
    ],
)
def test_what_cannot_be_served_is_told(server: Serving, name: str, why: list[str]) -> None:
    with Client(server.grpc) as client:
        reasons = {one.name: one.reason for one in client.models() if one.state == "UNAVAILABLE"}
    assert [part for part in why if part not in reasons[name]] == []


@pytest.mark.parametrize(
    ("name", "line", "source"),
    [
        ("published", SMALL, "zoo:mobilenet:input_shape=128x128x3:alpha=0.25"),
        (
            "features",
            f"{SMALL}:include_top=false:pooling=avg",
            "zoo:mobilenet:include_top=false:pooling=avg:input_shape=128x128x3:alpha=0.25",
        ),
    ],
)
def test_published_weights_are_fetched(server: Serving, name: str, line: str, source: str) -> None:
    images = np.random.default_rng(3).uniform(-1, 1, (2, 128, 128, 3)).astype(np.float32)
    truth = network(line).predict(images, verbose=0)
    assert np.ptp(truth) > 0.001
    with Client(server.grpc) as client:
        np.testing.assert_allclose(client.predict(name, images), truth, atol=1e-5 * truth.max(), rtol=0)
        assert client.describe(name).source == source


def test_mobilenet_v2_equals_keras_from_flag_and_from_model_toml(server: Serving) -> None:
    model = build(SECOND)
    images = np.random.default_rng(1).uniform(-1, 1, (3, 96, 96, 3)).astype(np.float32)
    truth = model.predict(images, verbose=0)
    layer = keras.Model(model.input, model.get_layer("block_6_expand_relu").output).predict(images, verbose=0)
    with Client(server.grpc) as client:
        for name in ("mobilenet_v2", "small"):
            np.testing.assert_allclose(client.predict(name, images), truth, atol=1e-5 * truth.max(), rtol=0)
        answer = client.predict("mobilenet_v2", images, layers="block_6_expand_relu")
        np.testing.assert_allclose(answer, layer, atol=1e-5 * layer.max(), rtol=0)
        assert client.describe("small").source == (
            "zoo:mobilenet_v2:input_shape=96x96x3:alpha=0.35 (random weights)"
        )


def test_a_photograph_is_named_as_keras_would_name_it(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published recipe, and `decode_predictions`, whose own file of names is a download."""
    index = {str(place): list(pair) for place, pair in enumerate(imagenet())}
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", index)
    file = encoded(photograph())
    recipe = published_recipe("mobilenet", "tf", 128)
    pixels = decode(file, wanted(128, crop=recipe.crop, resize=recipe.resize))[None]
    prepared = keras.applications.mobilenet.preprocess_input(pixels.astype(np.float32))
    scores = tuned().predict(prepared, verbose=0)
    expected = imagenet_utils.decode_predictions(scores, top=5)[0]
    with Client(server.grpc) as client:
        labels = client.classify("tuned", file, top=5)
        assert client.describe("tuned").labels == tuple(name for _, name in imagenet())
    assert [label.name for label in labels] == [name for _, name, _ in expected]
    np.testing.assert_allclose(
        [label.score for label in labels], [score for _, _, score in expected], rtol=1e-4
    )
