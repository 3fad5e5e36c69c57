"""Batch normalizations folded: fewer nodes, the same answers up to rounding, every output still to be had."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from horngate.zoo.convert import convert, cut
from horngate.zoo.describe import describe
from horngate.zoo.fold import fold
from horngate.zoo.tidy import tidy
from horngate.zoo.weight_file import array_of
from tests.zoo.convert.conftest import ENGINES

IMAGE = (8, 8, 4)
NETWORKS = {
    "convolution": (IMAGE, lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(x))),
    "no bias": (IMAGE, lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, use_bias=False)(x))),
    "no scale": (IMAGE, lambda x: layers.BatchNormalization(scale=False)(layers.Conv2D(6, 3)(x))),
    "depthwise": (
        IMAGE,
        lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2)(x)),
    ),
    "grouped": (IMAGE, lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, groups=2)(x))),
    "separable": (IMAGE, lambda x: layers.BatchNormalization()(layers.SeparableConv2D(6, 3)(x))),
    "transposed": (IMAGE, lambda x: layers.BatchNormalization()(layers.Conv2DTranspose(6, 3, strides=2)(x))),
    "one dimension": ((9, 4), lambda x: layers.BatchNormalization()(layers.Conv1D(6, 3)(x))),
    "three dimensions": ((4, 4, 4, 2), lambda x: layers.BatchNormalization()(layers.Conv3D(6, 3)(x))),
    "dense": ((5,), lambda x: layers.BatchNormalization()(layers.Dense(6)(x))),
    "before dense": ((5,), lambda x: layers.Dense(6)(layers.BatchNormalization()(x))),
    "around dense": (
        (5,),
        lambda x: layers.BatchNormalization()(layers.Dense(6)(layers.BatchNormalization()(layers.ReLU()(x)))),
    ),
}


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)


def network(name):
    shape, body = NETWORKS[name]
    inputs = keras.Input(shape)
    return drawn(keras.Model(inputs, body(inputs)))


def drawn(model):
    """The model with normalizations that do something."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(keras.random.uniform(weight.shape, 0.5, 1.5))
    return model


def parts(model, *names):
    """The graph for these outputs as it is cut, and folded."""
    converted, spec = convert(model), describe(model)
    specs = [spec.requestable[name] for name in names] or spec.outputs
    plain, folded = (
        cut(converted.proto, [(converted.tensors[one.name], one) for one in specs]) for _ in range(2)
    )
    tidy(folded)
    fold(folded, lambda tensor: array_of(tensor, None))
    return plain, folded


def kinds(proto):
    return [node.op_type for node in proto.graph.node]


def assert_same(model, plain, folded):
    feed = {
        one.name: np.random.default_rng(0).normal(size=(3, *one.shape[1:])).astype("f4")
        for one in describe(model).inputs
    }
    for compiled in ENGINES.values():
        for left, right in zip(compiled(plain)(feed), compiled(folded)(feed), strict=True):
            assert left.shape == right.shape
            assert np.abs(left - right).max() <= 1e-5 * np.abs(left).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_normalization_is_gone_and_the_answer_is_not(name):
    model = network(name)
    plain, folded = parts(model)
    onnx.checker.check_model(folded, full_check=True)
    assert "BatchNormalization" in kinds(plain)
    assert "BatchNormalization" not in kinds(folded)
    assert_same(model, plain, folded)


def test_what_is_asked_for_is_still_there():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(6, 3, name="before")(inputs)
    model = drawn(keras.Model(inputs, layers.ReLU()(layers.BatchNormalization(name="after")(x))))
    plain, folded = parts(model, "before", "after")
    assert kinds(folded) == kinds(plain)
    plain, folded = parts(model, "after")
    assert "BatchNormalization" not in kinds(folded)
    assert [one.name for one in folded.graph.output] == ["after"]
    assert_same(model, plain, folded)


def test_a_convolution_that_others_read_is_left_alone():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    model = drawn(keras.Model(inputs, layers.Add()([x, layers.BatchNormalization()(x)])))
    plain, folded = parts(model)
    assert kinds(folded) == kinds(plain)


def test_a_shared_kernel_is_folded_for_one_place_only():
    inputs = keras.Input(IMAGE)
    shared = layers.Conv2D(4, 3, padding="same")
    x = layers.BatchNormalization()(shared(inputs))
    model = drawn(keras.Model(inputs, layers.Add()([x, shared(x)])))
    plain, folded = parts(model)
    assert "BatchNormalization" not in kinds(folded)
    assert_same(model, plain, folded)


def test_factors_that_overflow_are_left_alone():
    model = network("convolution")
    model.layers[-1].gamma.assign(np.full(6, 3e38, "f4"))
    model.layers[1].kernel.assign(np.full((3, 3, 4, 6), 1e5, "f4"))
    assert "BatchNormalization" in kinds(parts(model)[1])


def test_kernels_above_a_size_are_left_alone():
    model = network("dense")
    converted, spec = convert(model), describe(model)
    proto = cut(converted.proto, [(converted.tensors[spec.outputs[0].name], spec.outputs[0])])
    fold(proto, lambda tensor: array_of(tensor, None), largest_bytes=4 * 5 * 6 - 1)
    assert kinds(proto) == ["Gemm", "BatchNormalization"]
    fold(proto, lambda tensor: array_of(tensor, None), into=("Conv",))
    assert kinds(proto) == ["Gemm", "BatchNormalization"]
    fold(proto, lambda tensor: array_of(tensor, None), largest_bytes=4 * 5 * 6)
    assert kinds(proto) == ["Gemm"]


@pytest.mark.parametrize("padded", [((1, 0), (0, 2)), 1])
def test_padding_goes_into_the_convolution(padded):
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3)(layers.ZeroPadding2D(padded)(inputs))
    x = layers.Conv2D(4, 3, padding="same", strides=2)(layers.ZeroPadding2D(padded)(x))
    model = keras.Model(inputs, x)
    plain, folded = parts(model)
    assert kinds(plain).count("Pad") == 2
    assert kinds(folded) == ["Transpose", "Conv", "Conv", "Transpose"]
    assert_same(model, plain, folded)


def test_padding_that_is_asked_for_or_shared_stays():
    inputs = keras.Input(IMAGE)
    x = layers.ZeroPadding2D(name="padded")(layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, [layers.Conv2D(4, 3)(x), layers.MaxPooling2D()(x)])
    assert kinds(parts(model)[1]) == kinds(parts(model)[0])


def test_squeeze_and_excitation_keeps_its_axes():
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3)(inputs)
    weights = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D(name="squeezed")(x))
    model = keras.Model(inputs, layers.Multiply(name="excited")([x, layers.Conv2D(4, 1)(weights)]))
    plain, folded = parts(model)
    assert {"Squeeze", "Reshape"} <= set(kinds(plain))
    assert not {"Squeeze", "Reshape"} & set(kinds(folded))
    assert_same(model, plain, folded)
    plain, folded = parts(model, "squeezed", "excited")
    assert "Squeeze" in kinds(folded)
    assert_same(model, plain, folded)
