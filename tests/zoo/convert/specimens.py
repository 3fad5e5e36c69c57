"""One small model for each public layer class and activation: what the table in docs/onnx.md is made from.

`SPECIMENS` is held against `keras.layers` and `keras.activations` by a test, so a new Keras with a new layer fails
until a row is added here.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Build = Callable[[], Any]

IMAGE, STEPS, VECTOR = (8, 8, 4), (6, 4), (4,)
SPATIAL = {1: (12, 4), 2: (8, 8, 4), 3: (6, 6, 6, 2)}


def _one(layer: Callable[[], Any], *shapes: tuple[int | None, ...], dtype: str = "float32") -> Build:
    """A model of one layer, called with one input, or with a list of several."""

    def build() -> Any:
        inputs = [keras.Input(shape, dtype=dtype) for shape in shapes]
        made = layer()
        return keras.Model(inputs, made(inputs if len(inputs) > 1 else inputs[0]))

    return build


def _words(layer: Callable[[Any], Any]) -> Build:
    """A model over words, padded with zeros that are masked."""

    def build() -> Any:
        words = keras.Input((6,), dtype="int32")
        return keras.Model(words, layer(layers.Embedding(6, 4, mask_zero=True)(words)))

    return build


def _called(shape: tuple[int, ...], call: Callable[[Any], Any], dtype: str = "float32") -> Build:
    def build() -> Any:
        inputs = keras.Input(shape, dtype=dtype)
        return keras.Model(inputs, call(inputs))

    return build


SPECIMENS: dict[str, Build] = {}
"""By the name of the layer class, or of the activation in lower case."""


def _ranks() -> None:
    for rank, shape in SPATIAL.items():
        rows: dict[str, Callable[..., Any]] = {
            f"Conv{rank}D": lambda kind: kind(3, 3, strides=2, padding="same", activation="relu"),
            f"Conv{rank}DTranspose": lambda kind: kind(3, 3, strides=2, padding="same"),
            f"MaxPooling{rank}D": lambda kind: kind(2, padding="same"),
            f"AveragePooling{rank}D": lambda kind: kind(2, padding="same"),
            f"GlobalMaxPooling{rank}D": lambda kind: kind(),
            f"GlobalAveragePooling{rank}D": lambda kind: kind(),
            f"AdaptiveMaxPooling{rank}D": lambda kind: kind(3),
            f"AdaptiveAveragePooling{rank}D": lambda kind: kind(3),
            f"ZeroPadding{rank}D": lambda kind: kind(1),
            f"Cropping{rank}D": lambda kind: kind(1),
            f"UpSampling{rank}D": lambda kind: kind(2),
            f"SpatialDropout{rank}D": lambda kind: kind(0.5),
        }
        if rank < 3:
            rows[f"DepthwiseConv{rank}D"] = lambda kind: kind(3, depth_multiplier=2)
            rows[f"SeparableConv{rank}D"] = lambda kind: kind(3, 3, padding="same")
        for name, make in rows.items():
            kind = getattr(layers, name)
            SPECIMENS[name] = _one(lambda make=make, kind=kind: make(kind), shape)
        recurrent = getattr(layers, f"ConvLSTM{rank}D")
        SPECIMENS[f"ConvLSTM{rank}D"] = _one(
            lambda recurrent=recurrent: recurrent(2, 3, return_sequences=True), (3, *SPATIAL[rank])
        )


def _random_images() -> None:
    settings: dict[str, dict[str, Any]] = {
        "RandomBrightness": {"factor": 0.2},
        "RandomColorDegeneration": {"factor": 0.2},
        "RandomContrast": {"factor": 0.2},
        "RandomCrop": {"height": 5, "width": 5},
        "RandomErasing": {},
        "RandomHue": {"factor": 0.2},
        "RandomPosterization": {"factor": 4},
        "RandomRotation": {"factor": 0.2},
        "RandomSaturation": {"factor": 0.2},
        "RandomSharpness": {"factor": 0.2},
        "RandomShear": {"x_factor": 0.2, "y_factor": 0.2},
        "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
        "RandomZoom": {"height_factor": 0.2},
        "ContrastLimitedAdaptiveHistogramEqualization": {"value_range": (0, 1)},
    }
    others = ("AugMix", "AutoContrast", "CutMix", "MixUp", "RandAugment", "RandomFlip")
    others += ("RandomColorJitter", "RandomElasticTransform", "RandomGaussianBlur", "RandomGrayscale")
    others += ("RandomInvert", "RandomPerspective", "Solarization", *settings)
    for name in others:
        kind, more = getattr(layers, name, None), settings.get(name, {})
        if kind is not None:
            SPECIMENS[name] = _one(lambda kind=kind, more=more: kind(**more), (8, 8, 3))


_ranks()
_random_images()

SPECIMENS |= {
    "Activation": _one(lambda: layers.Activation("relu"), VECTOR),
    "ActivityRegularization": _one(lambda: layers.ActivityRegularization(l2=0.1), VECTOR),
    "Add": _one(layers.Add, VECTOR, VECTOR),
    "AdditiveAttention": _one(layers.AdditiveAttention, STEPS, STEPS),
    "AlphaDropout": _one(lambda: layers.AlphaDropout(0.5), VECTOR),
    "Attention": _one(layers.Attention, STEPS, STEPS),
    "Average": _one(layers.Average, VECTOR, VECTOR),
    "BatchNormalization": _one(layers.BatchNormalization, IMAGE),
    "Bidirectional": _one(lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)), STEPS),
    "CategoryEncoding": _one(lambda: layers.CategoryEncoding(6), (2,), dtype="int32"),
    "CenterCrop": _one(lambda: layers.CenterCrop(5, 6), IMAGE),
    "Concatenate": _one(layers.Concatenate, IMAGE, IMAGE),
    "Dense": _one(lambda: layers.Dense(3, activation="relu"), VECTOR),
    "Discretization": _one(lambda: layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.7]), VECTOR),
    "Dot": _one(lambda: layers.Dot(axes=2), STEPS, STEPS),
    "Dropout": _one(lambda: layers.Dropout(0.5), VECTOR),
    "ELU": _one(layers.ELU, VECTOR),
    "EinsumDense": _one(lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3)), STEPS),
    "Embedding": _one(lambda: layers.Embedding(6, 4), (5,), dtype="int32"),
    "Flatten": _one(layers.Flatten, IMAGE),
    "GRU": _one(lambda: layers.GRU(3, return_sequences=True), STEPS),
    "GRUCell": _one(lambda: layers.RNN(layers.GRUCell(3)), STEPS),
    "GaussianDropout": _one(lambda: layers.GaussianDropout(0.5), VECTOR),
    "GaussianNoise": _one(lambda: layers.GaussianNoise(0.5), VECTOR),
    "GroupNormalization": _one(lambda: layers.GroupNormalization(2), IMAGE),
    "GroupedQueryAttention": _called(STEPS, lambda x: layers.GroupQueryAttention(2, 4, 2)(x, x)),
    "HashedCrossing": _one(lambda: layers.HashedCrossing(5), (1,), (1,), dtype="int32"),
    "Hashing": _one(lambda: layers.Hashing(5), (2,), dtype="int32"),
    "Identity": _one(layers.Identity, VECTOR),
    "InputLayer": _called(VECTOR, lambda x: x * 2.0),
    "IntegerLookup": _one(lambda: layers.IntegerLookup(vocabulary=[1, 3, 4]), (2,), dtype="int64"),
    "LSTM": _one(lambda: layers.LSTM(3, return_sequences=True), STEPS),
    "LSTMCell": _one(lambda: layers.RNN(layers.LSTMCell(3)), STEPS),
    "Lambda": _one(lambda: layers.Lambda(lambda x: keras.ops.abs(x) + 1.0), VECTOR),
    "Layer": _one(lambda: _Doubled(), VECTOR),
    "LayerNormalization": _one(layers.LayerNormalization, STEPS),
    "LeakyReLU": _one(layers.LeakyReLU, VECTOR),
    "Masking": _called(STEPS, lambda x: layers.LSTM(3)(layers.Masking()(x))),
    "Maximum": _one(layers.Maximum, VECTOR, VECTOR),
    "MaxNumBoundingBoxes": _one(lambda: layers.MaxNumBoundingBoxes(3), (8, 8, 3)),
    "MelSpectrogram": _one(lambda: layers.MelSpectrogram(64, 32, 64, num_mel_bins=8), (256,)),
    "Minimum": _one(layers.Minimum, VECTOR, VECTOR),
    "MultiHeadAttention": _called(STEPS, lambda x: layers.MultiHeadAttention(2, 4)(x, x)),
    "Multiply": _one(layers.Multiply, VECTOR, VECTOR),
    "Normalization": _one(lambda: layers.Normalization(mean=0.5, variance=2.0), VECTOR),
    "PReLU": _one(lambda: layers.PReLU(alpha_initializer="uniform"), VECTOR),
    "Permute": _one(lambda: layers.Permute((2, 1)), STEPS),
    "Pipeline": _one(lambda: layers.Pipeline([layers.Rescaling(0.5), layers.CenterCrop(5, 5)]), IMAGE),
    "RMSNormalization": _one(layers.RMSNormalization, VECTOR),
    "RNN": _one(lambda: layers.RNN(layers.SimpleRNNCell(3), return_sequences=True), STEPS),
    "ReLU": _one(lambda: layers.ReLU(6.0, negative_slope=0.1), VECTOR),
    "RepeatVector": _one(lambda: layers.RepeatVector(3), VECTOR),
    "Rescaling": _one(lambda: layers.Rescaling(1 / 255), IMAGE),
    "Reshape": _one(lambda: layers.Reshape((2, 2)), VECTOR),
    "Resizing": _one(lambda: layers.Resizing(5, 6), IMAGE),
    "ReversibleEmbedding": _one(lambda: layers.ReversibleEmbedding(6, 4), (5,), dtype="int32"),
    "STFTSpectrogram": _one(lambda: layers.STFTSpectrogram(frame_length=64, frame_step=32), (256, 1)),
    "SimpleRNN": _one(lambda: layers.SimpleRNN(3), STEPS),
    "SimpleRNNCell": _one(lambda: layers.RNN(layers.SimpleRNNCell(3)), STEPS),
    "Softmax": _one(layers.Softmax, VECTOR),
    "SpectralNormalization": _one(lambda: layers.SpectralNormalization(layers.Dense(3)), VECTOR),
    "StackedRNNCells": _one(
        lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)])), STEPS
    ),
    "StringLookup": _one(lambda: layers.StringLookup(vocabulary=["a", "b"]), (2,), dtype="string"),
    "Subtract": _one(layers.Subtract, VECTOR, VECTOR),
    "TextVectorization": _one(
        lambda: layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3),
        (1,),
        dtype="string",
    ),
    "TimeDistributed": _one(lambda: layers.TimeDistributed(layers.Dense(3)), STEPS),
    "UnitNormalization": _one(layers.UnitNormalization, VECTOR),
    "Wrapper": _one(lambda: _Wrapped(layers.Dense(3)), VECTOR),
}


WITHOUT = {
    "Equalization": "Keras itself fails to put it into a functional model",
    "FlaxLayer": "its computation is Flax code",
    "JaxLayer": "its computation is JAX code",
    "TFSMLayer": "its computation is a TensorFlow SavedModel",
    "TorchModuleWrapper": "its computation is PyTorch code",
}
"""Layers that no specimen shows, and why they are refused: models with them run on the keras engine."""


class _Doubled(layers.Layer):
    """A layer of one's own."""

    def call(self, x: Any) -> Any:
        return x * 2.0


class _Wrapped(layers.Wrapper):
    """A wrapper of one's own."""

    def call(self, x: Any) -> Any:
        return self.layer(x)


def _of_activation(name: str) -> Build:
    function = getattr(keras.activations, name)
    if name == "threshold":
        return _called((4, 6), lambda x: function(x, 0.3, 0.0))
    if name == "glu":  # the Activation layer declares a wrong shape for it
        return _called((4, 6), function)
    return _called((4, 6), lambda x: layers.Activation(function)(x))


def public_layers() -> set[str]:
    """Every layer class that keras.layers has, each by its own name, aliases left out."""
    found = (one for one in vars(layers).values() if inspect.isclass(one) and issubclass(one, layers.Layer))
    return {one.__name__ for one in found}


def public_activations() -> set[str]:
    """Every function of keras.activations that is an activation, aliases left out."""
    helpers = {"get", "serialize", "deserialize"}
    public = vars(keras.activations)
    return {
        function.__name__
        for name, function in public.items()
        if callable(function) and name not in helpers and not name.startswith("_")
    }


SPECIMENS |= {name: _of_activation(name) for name in sorted(public_activations())}
