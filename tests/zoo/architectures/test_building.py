"""Architectures by name."""

import numpy as np
import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.architectures import build, names


def test_names():
    assert {
        "mobilenet_v2",
        "resnet50",
        "resnet50_v2",
        "vgg16",
        "efficientnet_v2_b0",
        "convnext_xlarge",
    } <= set(names())
    assert names() == sorted(names())


@pytest.mark.parametrize("name", ["mobilenet_v2", "MobileNetV2"])
def test_two_builds_agree(name):
    one, other = build(name), build(name, "none")
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    assert all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_an_unknown_name():
    with pytest.raises(LoadError, match="no architecture is named 'mobilnet2'; near matches: mobilenet"):
        build("mobilnet2")


def test_weights_from_a_file(tmp_path):
    model = build("mobilenet")
    model.layers[1].kernel.assign_add(np.ones(model.layers[1].kernel.shape))
    model.save_weights(tmp_path / "mobile.weights.h5")
    again = build("mobilenet", tmp_path / "mobile.weights.h5")
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))


def test_weights_that_do_not_fit(tmp_path, saved):
    with pytest.raises(LoadError, match=r"the weights in 'small.weights.h5' do not fit mobilenet"):
        build("mobilenet", saved / "small.weights.h5")


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(LoadError, match="no such file; expected a weights file, 'imagenet' or 'none'"):
        build("mobilenet", tmp_path / "none.h5")
