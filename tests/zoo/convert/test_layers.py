"""One row a kind of layer: converted, checked, run on both engines, compared with Keras."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers

from horngate.zoo.convert import Refused


def stack(shape: tuple[int | None, ...], *stages: Any, dtype: str = "float32") -> Any:
    """A functional model of layers in a row."""
    x = inputs = keras.Input(shape, dtype=dtype)
    for stage in stages:
        x = stage(x)
    return keras.Model(inputs, x)


def _window(name: str, size: int, padding: str, data_format: str, **more: Any) -> Any:
    rank = int(name.replace("Transpose", "")[-2])
    # No size equals the number of filters: eager Keras on TensorFlow then adds channels-first biases wrongly.
    shape = {1: (13,), 2: (11, 10), 3: (9, 10, 11)}[rank]
    shape = (*shape, 4) if data_format == "channels_last" else (4, *shape)
    settings = {"padding": padding, "data_format": data_format, **more}
    if "Pooling" in name:
        return stack(shape, getattr(layers, name)(size, **settings))
    filters = {} if name.startswith("Depthwise") else {"filters": 6}
    layer = getattr(layers, name)(kernel_size=size, bias_initializer="normal", **filters, **settings)
    return stack(shape, layer)


WINDOWS: dict[str, Callable[[], Any]] = {}


def _row(name: str, size: int, padding: str, data_format: str = "channels_last", **more: Any) -> None:
    key = "-".join(
        [name, str(size), padding, data_format, *(f"{key}={value}" for key, value in more.items())]
    )
    WINDOWS[key] = lambda: _window(name, size, padding, data_format, **more)


for _rank in (1, 2, 3):
    for _padding in ("valid", "same"):
        for _format in ("channels_last", "channels_first"):
            _row(f"Conv{_rank}D", 3, _padding, _format)
        for _strides in (2, 3):
            _row(f"Conv{_rank}D", 4, _padding, strides=_strides)
            _row(f"MaxPooling{_rank}D", 3, _padding, strides=_strides)
            _row(f"AveragePooling{_rank}D", 2, _padding, strides=_strides)
            _row(f"Conv{_rank}DTranspose", 3, _padding, strides=_strides)
        _row(f"Conv{_rank}D", 2, _padding, dilation_rate=2, activation="relu", use_bias=False)
        _row(f"Conv{_rank}DTranspose", 2, _padding, strides=3)
        _row(f"Conv{_rank}DTranspose", 4, _padding)
        _row(f"Conv{_rank}DTranspose", 3, _padding, strides=2, output_padding=1)
    _row(f"Conv{_rank}D", 3, "same", groups=2)
    _row(f"MaxPooling{_rank}D", 2, "same", "channels_first")
    _row(f"Conv{_rank}DTranspose", 3, "same", "channels_first", strides=2)
for _rank in (1, 2):
    for _padding in ("valid", "same"):
        for _kind in ("DepthwiseConv", "SeparableConv"):
            _row(f"{_kind}{_rank}D", 3, _padding)
            _row(f"{_kind}{_rank}D", 3, _padding, depth_multiplier=2, strides=2)
            _row(f"{_kind}{_rank}D", 3, _padding, dilation_rate=2)
_row("DepthwiseConv2D", 3, "same", "channels_first")
_row("Conv1D", 3, "causal")
_row("Conv1D", 3, "causal", dilation_rate=3)
_row("Conv1D", 2, "causal", strides=2)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, agree):
    agree(WINDOWS[name]())


ACTIVATIONS = [
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "tanh", "tanh_shrink",
]  # fmt: skip


def test_a_shape_that_keras_declares_wrongly_is_refused(agree):
    with pytest.raises(Refused, match=r"activation.*\(None, 5, 4\).*\(None, 5, 8\)"):
        agree(stack((5, 8), layers.Activation("glu")))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, agree):
    wide = layers.Rescaling(4.0)
    agree(stack((5, 8), wide, layers.Activation(name)))


LAYERS: dict[str, Callable[[], Any]] = {
    "dense": lambda: stack((8,), layers.Dense(5, bias_initializer="normal")),
    "dense, no bias": lambda: stack((8,), layers.Dense(5, use_bias=False, activation="tanh")),
    "dense on steps": lambda: stack((3, 8), layers.Dense(5, bias_initializer="normal")),
    "dense of integers": lambda: stack((8,), layers.Dense(5), dtype="int32"),
    "relu with everything": lambda: stack((9,), layers.ReLU(3.0, negative_slope=0.1, threshold=0.5)),
    "relu with a ceiling": lambda: stack((9,), layers.ReLU(0.5)),
    "relu with a threshold": lambda: stack((9,), layers.ReLU(threshold=0.3)),
    "relu with a slope": lambda: stack((9,), layers.ReLU(negative_slope=0.3)),
    "relu with ceiling and slope": lambda: stack((9,), layers.ReLU(0.4, negative_slope=0.3)),
    "leaky relu": lambda: stack((9,), layers.LeakyReLU(0.25)),
    "elu": lambda: stack((9,), layers.ELU(0.7)),
    "prelu": lambda: stack((4, 5), layers.PReLU("normal")),
    "prelu after a convolution": lambda: stack(
        (6, 5, 3), layers.Conv2D(4, 2), layers.PReLU("normal", shared_axes=[1, 2])
    ),
    "prelu of every position": lambda: stack((6, 5, 3), layers.Conv2D(4, 2), layers.PReLU("normal")),
    "softmax layer": lambda: stack((3, 4), layers.Softmax()),
    "softmax along steps": lambda: stack((3, 4), layers.Softmax(axis=1)),
    "softmax after a convolution": lambda: stack((6, 5, 3), layers.Conv2D(4, 2, activation="softmax")),
    "flatten": lambda: stack((3, 4, 2), layers.Flatten()),
    "flatten of a vector": lambda: stack((3,), layers.Flatten()),
    "flatten a convolution": lambda: stack((6, 5, 3), layers.Conv2D(4, 2), layers.Flatten(), layers.Dense(2)),
    "flatten channels first": lambda: stack((3, 4, 2), layers.Flatten(data_format="channels_first")),
    "reshape": lambda: stack((12,), layers.Reshape((3, 4))),
    "reshape with a free size": lambda: stack((None, 4), layers.Reshape((-1, 2))),
    "permute": lambda: stack((3, 4, 2), layers.Permute((3, 1, 2))),
    "repeat": lambda: stack((4,), layers.RepeatVector(3)),
    "upsampling 1": lambda: stack((4, 3), layers.UpSampling1D(2)),
    "upsampling 2": lambda: stack((4, 3, 2), layers.UpSampling2D((2, 3))),
    "upsampling 2, first": lambda: stack((2, 4, 3), layers.UpSampling2D(2, data_format="channels_first")),
    "upsampling 2, bilinear": lambda: stack((4, 3, 2), layers.UpSampling2D((2, 3), interpolation="bilinear")),
    "upsampling 2, bicubic": lambda: stack((4, 3, 2), layers.UpSampling2D((2, 3), interpolation="bicubic")),
    "upsampling 3": lambda: stack((4, 3, 2, 2), layers.UpSampling3D((2, 3, 2))),
    "padding 1": lambda: stack((4, 3), layers.ZeroPadding1D((1, 2))),
    "padding 2": lambda: stack((4, 3, 2), layers.ZeroPadding2D(((1, 2), (0, 3)))),
    "padding 2, first": lambda: stack((2, 4, 3), layers.ZeroPadding2D(2, data_format="channels_first")),
    "padding 3": lambda: stack((4, 3, 2, 2), layers.ZeroPadding3D((1, 2, 1))),
    "padding after a convolution": lambda: stack((4, 3, 2), layers.Conv2D(3, 2), layers.ZeroPadding2D(1)),
    "cropping 1": lambda: stack((5, 3), layers.Cropping1D((1, 2))),
    "cropping 2": lambda: stack((6, 5, 2), layers.Cropping2D(((1, 2), (0, 3)))),
    "cropping 2, first": lambda: stack((2, 6, 5), layers.Cropping2D(2, data_format="channels_first")),
    "cropping 3": lambda: stack((6, 5, 4, 2), layers.Cropping3D(((1, 2), (0, 3), (1, 0)))),
    "cropping after a convolution": lambda: stack((6, 5, 2), layers.Conv2D(3, 2), layers.Cropping2D(1)),
    "embedding": lambda: stack((5,), layers.Embedding(9, 4), dtype="int32"),
    "embedding of floats": lambda: stack((5,), layers.Rescaling(0.0, 2.0), layers.Embedding(9, 4)),
    "rescaling": lambda: stack((5, 5, 3), layers.Rescaling(1 / 127.5, -1)),
    "rescaling by channel": lambda: stack((5, 5, 3), layers.Rescaling([0.5, 2.0, 3.0])),
    "rescaling of bytes": lambda: stack((5, 3), layers.Rescaling(1 / 255), dtype="uint8"),
    "normalization": lambda: stack((3,), layers.Normalization(mean=[1, 2, 3], variance=[1, 4, 0.5])),
    "normalization, inverse": lambda: stack((3,), layers.Normalization(mean=1.0, variance=4.0, invert=True)),
    "dropouts": lambda: stack(
        (4, 3), layers.Dropout(0.5), layers.SpatialDropout1D(0.5), layers.GaussianDropout(0.5),
        layers.GaussianNoise(1.0), layers.AlphaDropout(0.5), layers.ActivityRegularization(0.1),
        layers.Identity(),
    ),
    "random images": lambda: stack(
        (8, 8, 3), layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.2)
    ),
}  # fmt: skip


LAYERS |= {
    "pooling that skips, of any size": lambda: stack(
        (None, None, 2), layers.MaxPooling2D(2, strides=3, padding="same")
    ),
    "softmax over several axes": lambda: stack((3, 4, 2), layers.Softmax(axis=[1, 2])),
    "product of many axes": lambda: _two((2, 3, 4), (2, 5, 4), layers.Dot((3, 3), normalize=True)),
    "merged integers": lambda: _two((4,), (4,), layers.Add(), dtype="int32"),
    "mean of integers": lambda: _two((4,), (4,), layers.Average(), dtype="int32"),
    "low-rank updates": lambda: _with_updates(),
}


def _two(left: Any, right: Any, layer: Any, dtype: str = "float32") -> Any:
    inputs = [keras.Input(left, dtype=dtype), keras.Input(right, dtype=dtype)]
    return keras.Model(inputs, layers.Rescaling(1.0)(layer(inputs)))


def _with_updates() -> Any:
    model = stack((5, 4), layers.Dense(3), layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d"))
    for layer in model.layers[1:]:
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(keras.ops.ones_like(layer.lora_kernel_b))
    return model


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, agree):
    agree(LAYERS[name]())


GLOBAL_POOLINGS = [f"Global{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", GLOBAL_POOLINGS)
def test_global_poolings(name, data_format, keepdims, agree):
    rank = int(name[-2])
    layer = getattr(layers, name)(data_format=data_format, keepdims=keepdims)
    agree(stack((5, 4, 3, 2)[: rank + 1], layer))


@pytest.mark.parametrize("name", GLOBAL_POOLINGS)
def test_global_poolings_of_a_convolution(name, agree):
    rank = int(name[-2])
    convolution = getattr(layers, f"Conv{rank}D")(4, 2)
    agree(stack((5, 4, 3, 2)[: rank + 1], convolution, getattr(layers, name)(keepdims=rank == 2)))


@pytest.mark.parametrize("kind", ["Average", "Max"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_adaptive_poolings(kind, data_format, rank, agree):
    layer = getattr(layers, f"Adaptive{kind}Pooling{rank}D")((3, 2, 4)[:rank], data_format=data_format)
    agree(stack((7, 8, 4, 5)[: rank + 1], layer))


@pytest.mark.parametrize("tied", [True, False])
def test_an_embedding_and_its_reverse(tied, agree):
    inputs = keras.Input((5,), dtype="int32")
    layer = layers.ReversibleEmbedding(9, 4, tie_weights=tied, logit_soft_cap=2.0)
    agree(keras.Model(inputs, layer(layers.Dense(4)(layer(inputs)), reverse=True)))
