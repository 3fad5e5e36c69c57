"""ResNeXt against the form in which it was published: depthwise kernels, and sums over their groups."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from horngate.zoo.architectures import build
from horngate.zoo.architectures.resnext import GROUPS, resnext
from horngate.zoo.files import load_weights
from horngate.zoo.registry import find
from tests.zoo.published import enliven, write_published


def in_the_old_form(model: keras.Model) -> keras.Model:
    """The same layers, but every grouped convolution as Keras built it before it had groups."""

    def cloned(layer: Any) -> Any:
        if not isinstance(layer, layers.Conv2D) or layer.groups == 1:
            return layer.__class__.from_config(layer.get_config())
        width = layer.filters // GROUPS
        depthwise = layers.DepthwiseConv2D(
            3, strides=layer.strides, depth_multiplier=width, use_bias=False, name=layer.name
        )
        return Summed(depthwise, width, name=layer.name)

    return keras.models.clone_model(model, clone_function=cloned)


class Summed(layers.Layer):  # type: ignore[misc]
    """A depthwise convolution, its outputs summed over the channels of each group."""

    def __init__(self, depthwise: Any, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.depthwise, self.width = depthwise, width

    def call(self, x: Any) -> Any:
        y = self.depthwise(x)
        rows, columns, filters = y.shape[1:]
        y = ops.reshape(y, (-1, rows, columns, GROUPS, self.width, self.width))
        return ops.reshape(ops.sum(y, axis=4), (-1, rows, columns, filters // self.width))


def test_published_weights_answer_as_the_published_network(tmp_path: Path) -> None:
    small: dict[str, Any] = {"blocks": (2, 1), "filters": (64, 128), "name": "small", "classes": 5}
    old = enliven(in_the_old_form(resnext(**small, input_shape=(48, 48, 3))))
    write_published(old, tmp_path / "small.h5")
    new = resnext(**small, input_shape=(48, 48, 3))
    load_weights(new, tmp_path / "small.h5")
    images = np.random.default_rng(1).normal(size=(3, 48, 48, 3)).astype(np.float32)
    truth = old.predict(images, verbose=0)
    assert np.ptp(truth) > 0.1
    np.testing.assert_allclose(new.predict(images, verbose=0), truth, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnext50", "resnext101"])
def test_parameters_are_the_published(name: str) -> None:
    model = build(name)
    assert model.count_params() == find(name).published.parameters
    assert model.output_shape == (None, 1000)
    assert model.layers[-1].name == "probs"


def test_features() -> None:
    small: dict[str, Any] = {"blocks": (1,), "filters": (64,), "name": "small", "include_top": False}
    assert resnext(**small).output_shape == (None, None, None, 128)
    assert resnext(**small, pooling="avg").output_shape == (None, 128)
