"""Layers before a network: images to a size, numbers and words to categories."""

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers, ops

from horngate.zoo.convert import Refused, convert


def model_of(layer, shape, dtype="float32"):
    x = keras.Input(shape, dtype=dtype)
    return keras.Model(x, layer(x))


@pytest.mark.parametrize("way", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(4, 9), (13, 3), (12, 12)])
def test_resizing(way, size, agree):
    agree(model_of(layers.Resizing(*size, interpolation=way), (6, 5, 3)))


def test_every_way_of_resizing(agree):
    inputs = keras.Input((6, 5, 3))
    ways = ["bicubic", "lanczos3", "lanczos5", "bilinear", "nearest"]
    made = [layers.Resizing(4, 9, interpolation=way, antialias=way == "bilinear") for way in ways]
    made += [
        layers.Resizing(4, 9, crop_to_aspect_ratio=True),
        layers.Resizing(4, 9, pad_to_aspect_ratio=True, fill_value=0.5),
        layers.Resizing(4, 3, interpolation="bicubic", antialias=True, pad_to_aspect_ratio=True),
        layers.CenterCrop(9, 9),
        layers.CenterCrop(9, 2),
        layers.AutoContrast((-1, 1)),
        layers.Pipeline([layers.RandomFlip(), layers.Rescaling(0.5)]),
    ]
    agree(keras.Model(inputs, [layer(inputs) for layer in made]), engines=["onnxruntime"])


def test_interpolated_integers_are_refused():
    with pytest.raises(Refused, match="it rounds interpolated uint8"):
        convert(model_of(layers.Resizing(4, 5), (6, 5, 3), "uint8"))


def test_spectrograms(agree):
    inputs = keras.Input((256, 2))
    modes = ["log", "magnitude", "psd", "real", "imag", "stft"]
    made = [layers.STFTSpectrogram(mode=mode, frame_length=32, frame_step=16)(inputs) for mode in modes]
    made.append(layers.MelSpectrogram(fft_length=64, sequence_stride=16, power_to_db=False)(inputs[..., 0]))
    agree(keras.Model(inputs, made), engines=["onnxruntime"])


def test_decibels_under_a_ceiling_of_the_whole_batch_are_refused():
    with pytest.raises(Refused, match="taken over the whole batch"):
        convert(model_of(layers.MelSpectrogram(), (4096,)))


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


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count", "tf_idf"])
def test_places_of_many_kinds(mode, agree):
    """With a mask, with no place or several for the unknown, with room for more, inverted."""

    def feed(random, one):
        if one.datatype == "BYTES":
            return random.choice(np.array(["a", "b", "", "z"], dtype=object), size=one.shape)
        return random.integers(-3, 9, size=one.shape).astype("i8")

    words, numbers = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
    weights = {"idf_weights": [0.5, 2.0]} if mode == "tf_idf" else {}
    more = {"output_mode": mode, **weights}
    outputs = [
        layers.StringLookup(vocabulary=["b", "a"], mask_token="", **more)(words),
        layers.StringLookup(vocabulary=["b", "a"], max_tokens=7, pad_to_max_tokens=True, **more)(words),
        layers.IntegerLookup(vocabulary=[3, 5], num_oov_indices=3, mask_token=8, **more)(numbers),
        layers.IntegerLookup(vocabulary=[30, 50], invert=True)(
            layers.IntegerLookup(vocabulary=[3, 5])(numbers)
        ),
        layers.TextVectorization(vocabulary=["b", "a"], standardize=None, split=None, **more)(words),
    ]
    agree(
        keras.Model([words, numbers], [ops.cast(one, "float32") for one in outputs]),
        feed=feed,
        engines=["onnxruntime"],
    )


def test_an_unknown_word_that_has_no_place_fails_as_in_keras():
    x = keras.Input((2,), dtype="string")
    model = keras.Model(x, layers.StringLookup(vocabulary=["b", "a"], num_oov_indices=0)(x))
    session = onnxruntime.InferenceSession(convert(model).proto.SerializeToString())
    name = session.get_inputs()[0].name
    (places,) = session.run(None, {name: np.array([["a", "b"]], dtype=object)})
    assert places.tolist() == [[1, 0]]
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        session.run(None, {name: np.array([["a", "z"]], dtype=object)})


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.Hashing(3), "FarmHash or SipHash"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=2), "hashes the unknown to 2 places"),
        (lambda: layers.TextVectorization(vocabulary=["a"]), "ONNX replaces no patterns"),
        (lambda: layers.TextVectorization(vocabulary=["a"], standardize=None), "splits at spaces only"),
    ],
)
def test_what_onnx_has_no_operator_for_says_so(layer, reason):
    with pytest.raises(Refused, match=reason):
        convert(model_of(layer(), (1,), "string"))


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
