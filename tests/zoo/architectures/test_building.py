"""Networks by name, with the arguments that Keras's users know, and weights of every origin."""

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.architectures import build, build_choice
from horngate.zoo.registry import Network, WeightFile, find, read_choice
from tests.zoo.published import enliven, write_published


def test_two_builds_agree_by_either_name() -> None:
    one, other = build("mobilenet_v2"), build("MobileNetV2", "none")
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    assert all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_an_unknown_name() -> None:
    with pytest.raises(
        LoadError, match="no network of the zoo is named 'mobilnet2'; near matches: mobilenet"
    ):
        build("mobilnet2")


def test_arguments_are_those_of_keras() -> None:
    arguments: dict[str, Any] = {"input_shape": (64, 96, 1), "include_top": False, "pooling": "max"}
    theirs = keras.applications.MobileNet(weights=None, alpha=0.25, **arguments)
    ours = build("mobilenet", alpha=0.25, **arguments)
    assert ours.input_shape == theirs.input_shape
    assert ours.output_shape == theirs.output_shape == (None, 256)
    assert [layer.name for layer in ours.layers[1:]] == [layer.name for layer in theirs.layers[1:]]


def test_a_line_says_what_arguments_say() -> None:
    line = "MobileNet:alpha=0.25:classes=7:input_shape=64x64x3:classifier_activation=none"
    model = build(line)
    assert model.output_shape == (None, 7)
    assert model.count_params() == build("mobilenet", alpha=0.25, classes=7).count_params()
    assert model.layers[-1].activation is keras.activations.linear


def test_what_keras_refuses_is_told() -> None:
    with pytest.raises(LoadError, match=r"mobilenet:alpha=0.01 cannot be built: .*filters"):
        build("mobilenet", alpha=0.01)


def test_weights_from_a_file(tmp_path: Path) -> None:
    model = enliven(build("mobilenet", alpha=0.25))
    model.save_weights(tmp_path / "mobile.weights.h5")
    again = build("mobilenet", tmp_path / "mobile.weights.h5", alpha=0.25)
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))


def test_weights_that_do_not_fit(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(LoadError, match=r"the weights in 'small.weights.h5' do not fit mobilenet"):
        build("mobilenet", saved / "small.weights.h5")


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no such file; expected a weights file, 'imagenet' or 'none'"):
        build("mobilenet", tmp_path / "none.h5")


@pytest.mark.parametrize(
    "line",
    [
        "mobilenet:alpha=0.25",
        "xception:include_top=false:pooling=avg:input_shape=71x71x3",
    ],
)
def test_published_weights(line: str, tmp_path: Path) -> None:
    """In their own order, though layers were named otherwise when they were published."""
    choice = read_choice(line)
    model = enliven(build(line))
    write_published(model, tmp_path / choice.published.name)
    again = build_choice(choice, tmp_path / choice.published.name, published=True)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))


def test_efficientnet_scales_once_more_for_its_published_weights(tmp_path: Path) -> None:
    """As Keras does for `imagenet` alone: found out by the checksum, if the file is given by its path."""
    network = find("efficientnet_b0")
    path = tmp_path / "renamed.h5"
    write_published(build("efficientnet_b0"), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = WeightFile(name=path.name, url="", checksum=f"sha256:{digest}", include_top=True)
    known = read_choice("efficientnet_b0")
    asked = type(known)(network=Network(**(vars(network) | {"weights": (file,)})))
    kinds = [layer.name for layer in build_choice(asked, path).layers if "rescaling" in layer.name]
    assert len(kinds) == 2
