"""Layers before a network: images to a size, numbers and words to categories."""

import keras
import numpy as np
import pytest
from keras import layers


def model_of(layer, shape, dtype="float32"):
    x = keras.Input(shape, dtype=dtype)
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("way", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(4, 9), (13, 3), (12, 12)])
def test_resizing(way, size, agree):
    agree(model_of(layers.Resizing(*size, interpolation=way), (6, 5, 3)))


def test_resizing_of_any_size(agree):
    agree(model_of(layers.Resizing(4, 5), (None, None, 3)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_center_crop(data_format, agree):
    agree(model_of(layers.CenterCrop(3, 6, data_format=data_format), (9, 8, 7)))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_buckets(mode, agree):
    agree(model_of(layers.Discretization([-1.0, 0.0, 0.5], output_mode=mode), (4,)))


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_categories(mode, agree):
    agree(model_of(layers.CategoryEncoding(6, output_mode=mode), (4,), "int32"))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_numbers_in_a_vocabulary(mode, agree):
    x = keras.Input((4,), dtype="int64")
    y = layers.IntegerLookup(vocabulary=[3, 1, 7], output_mode=mode)(x)
    agree(keras.Model(x, y if mode == "int" else layers.Dense(3)(y)), engines=["onnxruntime"])


@pytest.mark.parametrize("mask", [None, ""])
def test_words_in_a_vocabulary(mask, agree):
    def words(random, one):
        return random.choice(np.array(["a", "b", "c", "d", "", "é"], dtype=object), size=one.shape)

    layer = layers.StringLookup(vocabulary=["b", "a", "é"], mask_token=mask)
    agree(model_of(layer, (4,), "string"), feed=words, engines=["onnxruntime"])


def test_words_into_a_network(agree):
    def words(random, one):
        return random.choice(np.array(["a", "b", "c", ""], dtype=object), size=one.shape)

    x = keras.Input((4,), dtype="string")
    steps = layers.Embedding(5, 3, mask_zero=True)(
        layers.StringLookup(vocabulary=["b", "a"], mask_token="")(x)
    )
    agree(keras.Model(x, layers.GRU(2)(steps)), feed=words, engines=["onnxruntime"])


RANDOM = {
    **dict.fromkeys(["AugMix", "CutMix", "MixUp", "RandAugment", "RandomElasticTransform"], ()),
    **dict.fromkeys(["RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomInvert"], ()),
    **dict.fromkeys(["RandomPerspective", "Solarization"], ()),
    **dict.fromkeys(["RandomBrightness", "RandomColorDegeneration", "RandomContrast"], (0.3,)),
    **dict.fromkeys(["RandomGrayscale", "RandomHue", "RandomRotation", "RandomSaturation"], (0.3,)),
    **dict.fromkeys(["RandomSharpness", "RandomShear", "RandomZoom"], (0.3,)),
    "RandomColorJitter": ((0, 255), 0.3, 0.3, 0.3, 0.3),
    "RandomPosterization": (4,),
    "RandomTranslation": (0.3, 0.3),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_leave_images_alone(name, agree):
    agree(model_of(getattr(layers, name)(*RANDOM[name]), (8, 8, 3)))


def test_random_layers_make_floats_of_bytes(agree):
    agree(model_of(layers.RandomFlip(), (8, 8, 3), "uint8"))
