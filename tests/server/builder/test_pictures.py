"""What a build order says of pictures and labels, held against the model."""

import json
from typing import Any

import pytest

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.pictures import Pictures
from horngate.zoo import registry
from horngate.zoo.images.scaling import MODES
from horngate.zoo.labels import imagenet


def model(*shape: int | None, classes: int = 1000, datatype: str = "FP32", inputs: int = 1) -> ModelSpec:
    taken = [TensorSpec(name=f"image{n}", datatype=datatype, shape=(None, *shape)) for n in range(inputs)]
    given = TensorSpec(name="scores", datatype="FP32", shape=(None, classes))
    return ModelSpec(inputs=tuple(taken), outputs=(given,), layers=(), parameters=0)


def order(preprocess: Any = None, **options: Any) -> BuildOrder:
    text = json.dumps(preprocess) if preprocess is not None else ""
    return BuildOrder(target="", scratch="", name="m", preprocess=text, **options)


def of(asked: BuildOrder, spec: ModelSpec) -> Pictures:
    return Pictures.of(asked, spec, stateful=False)


def test_a_file_alone_takes_no_pictures_and_has_no_names():
    assert of(order(), model(224, 224, 3)) == Pictures(image=None, labels=())


@pytest.mark.parametrize("network", registry.all_networks(), ids=lambda network: network.name)
def test_every_network_of_the_zoo_takes_pictures_of_its_size_and_knows_its_classes(network: registry.Network):
    found = of(order(zoo=network.name), model(network.default_size, network.default_size, 3))
    assert found.labels == tuple(name for _, name in imagenet())
    assert found.image is not None
    assert found.image.recipe.scaling == MODES[network.preprocessing]
    assert found.image.shape == (network.default_size, network.default_size, 3)
    assert 0.8 < (found.image.recipe.crop or 0) <= 1


def test_a_headless_network_of_any_size_takes_pictures_of_the_published_one():
    found = of(order(zoo="efficientnet_b3"), model(None, None, 3, classes=1536))
    assert found.labels == ()
    assert found.image is not None
    assert found.image.shape == (300, 300, 3)
    assert (found.image.recipe.resize, found.image.recipe.crop) == ("bicubic", 300 / 332)


def test_what_the_operator_says_is_laid_over_what_the_zoo_knows():
    found = of(order({"resize": "nearest", "crop": False}, zoo="resnet50"), model(224, 224, 3))
    assert found.image is not None
    assert found.image.recipe.scaling == MODES["caffe"]
    assert (found.image.recipe.resize, found.image.recipe.crop) == ("nearest", None)


def test_a_network_of_the_zoo_that_takes_no_pictures_says_so():
    found = of(order(zoo="resnet50"), model(64, 64, 5))
    assert found.image is None
    assert "expected" in found.note or "is for an input" in found.note


REFUSED = {
    "too few numbers": (order({"mean": [1, 2]}), model(9, 9, 3), "preprocess.mean has 2 numbers; the input has 3"),
    "another size": (order({"size": 32}), model(48, 48, 3), "size is [32, 32]; input 'image0' is"),
    "no size": (order("tf"), model(None, None, 3), "say with preprocess.size to which size"),
    "no picture": (order("tf"), model(12), "preprocess is for an input (rows, height, width, 1 or 3)"),
    "channels first": (order("tf"), model(3, 9, 9), "preprocess is for an input (rows, height, width, 1 or 3)"),
    "order without colours": (order("caffe"), model(9, 9, 1), "preprocess.mean has 3 numbers"),
    "two inputs": (order("tf"), model(9, 9, 3, inputs=2), "this one has 2"),
    "whole numbers": (order("tf"), model(9, 9, 3, datatype="INT32"), "is INT32; preprocess scales to"),
    "other labels": (order(labels=["a", "b"]), model(9, 9, 3, classes=5), "labels has 2 names; the model"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str):
    asked, spec, reason = REFUSED[name]
    with pytest.raises(LoadError) as refused:
        of(asked, spec)
    assert reason in str(refused.value)


def test_a_model_with_states_takes_no_pictures():
    with pytest.raises(LoadError, match="stateful"):
        Pictures.of(order("tf"), model(9, 9, 3), stateful=True)
