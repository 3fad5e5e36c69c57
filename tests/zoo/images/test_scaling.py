"""Scaling, in numpy and in a graph, against Keras's own."""

import numpy as np
import onnx
import onnxruntime
import pytest
from keras.applications import imagenet_utils
from onnx import helper

from horngate.zoo.images.graph import prepend_scaling
from horngate.zoo.images.recipe import PIXELS, ImageInput, Recipe
from horngate.zoo.images.scaling import MODES, Scaling

EVERY_VALUE = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3) ^ np.array(
    [0, 85, 170], np.uint8
)
OWN = Scaling(scale=1 / 255, mean=(0.5, 0.25, 0.125), std=(0.5, 2.0, 3.0), order="BGR")


def _keras(mode: str) -> np.ndarray:
    return np.asarray(imagenet_utils.preprocess_input(EVERY_VALUE.astype(np.float32), mode=mode))


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_each_mode_is_that_of_keras(mode: str):
    assert np.abs(MODES[mode].apply(EVERY_VALUE) - _keras(mode)).max() <= 1e-6


@pytest.mark.parametrize(
    ("module", "mode"),
    [
        ("vgg16", "caffe"), ("vgg19", "caffe"), ("resnet", "caffe"), ("resnet_v2", "tf"), ("xception", "tf"),
        ("inception_v3", "tf"), ("inception_resnet_v2", "tf"), ("mobilenet", "tf"), ("mobilenet_v2", "tf"),
        ("mobilenet_v3", "none"), ("nasnet", "tf"), ("densenet", "torch"), ("efficientnet", "none"),
        ("efficientnet_v2", "none"), ("convnext", "none"),
    ],
)  # fmt: skip
def test_each_network_of_keras_has_one_of_the_modes(module: str, mode: str):
    from importlib import import_module

    preprocess_input = import_module(f"keras.applications.{module}").preprocess_input
    expected = np.asarray(preprocess_input(EVERY_VALUE.astype(np.float32)))
    assert np.abs(MODES[mode].apply(EVERY_VALUE) - expected).max() <= 1e-6


def _graph(datatype: int = onnx.TensorProto.FLOAT) -> onnx.ModelProto:
    """One that gives its input back, as a network does whose input is asked for as a layer."""
    value = helper.make_tensor_value_info("image", datatype, ["rows", 16, 16, 3])
    again = helper.make_tensor_value_info("again", datatype, ["rows", 16, 16, 3])
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["again"])], "g", [value], [again])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("scaling", [*MODES.values(), OWN])
def test_a_graph_scales_as_numpy_does(scaling: Scaling):
    model = _graph()
    prepend_scaling(model.graph, _wanted(scaling))
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (scaled,) = session.run(None, {PIXELS: EVERY_VALUE.repeat(2, axis=0)})
    assert np.abs(scaled - scaling.apply(EVERY_VALUE)).max() <= 1e-6


def test_a_graph_of_half_precision_is_given_halves():
    model = _graph(onnx.TensorProto.FLOAT16)
    prepend_scaling(model.graph, _wanted(MODES["torch"]))
    (scaled,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {PIXELS: EVERY_VALUE})
    assert scaled.dtype == np.float16
    assert np.abs(scaled - MODES["torch"].apply(EVERY_VALUE)).max() <= 2e-3


def _wanted(scaling: Scaling) -> ImageInput:
    return ImageInput(name="image", channels=3, recipe=Recipe(scaling=scaling, size=(16, 16)))
