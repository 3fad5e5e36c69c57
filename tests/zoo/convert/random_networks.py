"""Random networks with valid shapes, and a command that tries thousands of them.

    python -m tests.zoo.convert.random_networks --count 3000 [--seed 0] [--family pixels]

Each network is converted, run on both engines at 1, 2 and 7 rows and compared with Keras. It prints every
disagreement with the seed that makes it again, every reason for a refusal with how often it came, and the
sums; the exit status is 1 if anything disagreed.

`FAMILIES` hold the builders. A builder gets `choose`, which picks one of a list: hypothesis's in the tests, a
seeded one here. A stage that Keras itself refuses for the shapes at hand is left out.
"""

import argparse
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

Choose = Callable[[Sequence[Any]], Any]
Stage = Callable[[Choose, list[Any]], Any]

ACTIVATIONS = [
    *("relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "hard_sigmoid", "leaky_relu", "relu6"),
    *("selu", "softmax", "hard_silu", "log_softmax", "mish", "swish", None, None),
]
DISAGREED = "DISAGREED"
CHAINS = [1, 2, 3, 4, 5, 6]


def _activation(choose: Choose) -> Any:
    return choose(ACTIVATIONS)


def _like(choose: Choose, pool: list[Any]) -> Any:
    """Any tensor made so far, the newest one most often."""
    return choose([pool[-1], pool[-1], *pool])


def _grow(choose: Choose, pool: list[Any], stages: Sequence[Stage], lengths: Sequence[int] = CHAINS) -> None:
    """Add tensors to the pool, each by a stage that reads from it. What Keras refuses is left out."""
    for _ in range(choose(lengths)):
        stage = choose(stages)
        try:
            made = stage(choose, pool)
        except (ValueError, TypeError, AssertionError, ZeroDivisionError, IndexError):
            continue
        if made.shape is not None and 0 not in made.shape[1:]:
            pool.append(made)


# Pixels: (rows, height, width, channels)


def _window(choose: Choose) -> dict[str, Any]:
    window: dict[str, Any] = {"strides": choose([1, 1, 2]), "padding": choose(["same", "valid", "same"])}
    window["data_format"] = choose(["channels_last"] * 7 + ["channels_first"])
    return window


def _convolution(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    options = {"activation": _activation(choose), "use_bias": choose([True, False])}
    kind = choose(["plain", "plain", "depthwise", "separable", "transposed", "grouped", "dilated"])
    size, window = choose([1, 2, 3, (3, 1)]), _window(choose)
    if kind == "depthwise":
        return layers.DepthwiseConv2D(size, depth_multiplier=choose([1, 2]), **options, **window)(x)
    if kind == "separable":
        return layers.SeparableConv2D(choose([2, 4]), size, **options, **window)(x)
    if kind == "transposed":
        return layers.Conv2DTranspose(choose([2, 3]), size, **options, **window)(x)
    if kind == "grouped":
        return layers.Conv2D(4, size, groups=2, **options, **window)(x)
    if kind == "dilated":
        return layers.Conv2D(3, size, dilation_rate=2, **options, **{**window, "strides": 1})(x)
    return layers.Conv2D(choose([1, 2, 4, 5]), size, **options, **window)(x)


def _folded(choose: Choose, pool: list[Any]) -> Any:
    x = _convolution(choose, pool)
    x = layers.BatchNormalization(axis=choose([-1, -1, -1, 1]), scale=choose([True, False]))(x)
    return layers.Activation(_activation(choose) or "linear")(x)


def _pooling(choose: Choose, pool: list[Any]) -> Any:
    kind = choose([layers.MaxPooling2D, layers.AveragePooling2D])
    return kind(choose([2, 3, (1, 2)]), **_window(choose))(_like(choose, pool))


def _excited(choose: Choose, pool: list[Any]) -> Any:
    """Squeeze and excitation, in the ways that people write it."""
    x = _like(choose, pool)
    how = choose(["keepdims", "reshape", "permuted", "ops"])
    if how == "keepdims":
        weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    elif how == "ops":
        weights = ops.mean(x, axis=(1, 2), keepdims=True)
    else:
        weights = layers.Reshape((1, 1, x.shape[-1]))(layers.GlobalMaxPooling2D()(x))
    if how == "permuted":
        weights = layers.Permute((2, 1, 3))(weights)
    weights = layers.Conv2D(2, 1, activation="relu")(weights)
    weights = choose([layers.Conv2D(x.shape[-1], 1), layers.Dense(x.shape[-1])])(weights)
    return choose([layers.Multiply()([x, layers.Activation("sigmoid")(weights)]), x * ops.sigmoid(weights)])


def _normalized(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    kinds = [
        lambda: layers.BatchNormalization(axis=choose([-1, 1, 2])),
        lambda: layers.LayerNormalization(axis=choose([-1, [1, 2], [1, 2, 3]])),
        lambda: layers.GroupNormalization(choose([1, 2, -1])),
        lambda: layers.UnitNormalization(),
        lambda: layers.RMSNormalization(),
    ]
    return choose(kinds)()(x)


def _rearranged(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    kinds = [
        lambda: layers.ZeroPadding2D(choose([0, 1, ((0, 1), (2, 0))]))(x),
        lambda: layers.Cropping2D(choose([0, 1, ((1, 0), (0, 1))]))(x),
        lambda: layers.UpSampling2D(choose([1, 2]))(x),
        lambda: layers.Permute(choose([(2, 1, 3), (3, 1, 2), (1, 2, 3)]))(x),
        lambda: layers.Reshape((x.shape[2], x.shape[1], x.shape[3]))(x),
        lambda: layers.Reshape((-1, 2, x.shape[3]))(x),
        lambda: x[:, 1:, :-1],
        lambda: x[..., :1],
        lambda: x[:, ::2, ::2],
        lambda: ops.transpose(x, (0, 2, 1, 3)),
        lambda: ops.flip(x, axis=choose([1, 2, 3])),
        lambda: ops.roll(x, 1, axis=choose([1, 2, 3])),
        lambda: ops.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0))),
        lambda: ops.repeat(x, 2, axis=choose([1, 3])),
    ]
    return choose(kinds)()


def _elementwise(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    kinds = [
        lambda: layers.Activation(_activation(choose) or "linear")(x),
        lambda: layers.PReLU(shared_axes=choose([None, [1, 2]]), alpha_initializer="uniform")(x),
        lambda: layers.LeakyReLU(0.1)(x),
        lambda: layers.ReLU(max_value=choose([None, 1.0]), negative_slope=choose([0.0, 0.1]))(x),
        lambda: layers.Softmax(axis=choose([-1, 1]))(x),
        lambda: layers.Dropout(0.5)(x),
        lambda: layers.Rescaling(0.5, offset=choose([0.0, 0.25]))(x),
        lambda: layers.Dense(choose([2, 4]), activation=_activation(choose))(x),
        lambda: x * 0.5 + 1.0,
        lambda: 1.0 - x,
        lambda: ops.maximum(x, 0.1) / (ops.abs(x) + 1.0),
        lambda: ops.clip(x, -0.5, 0.5) ** 2,
        lambda: ops.where(x > 0, x, x * 0.1),
        lambda: ops.softmax(x, axis=choose([1, 2, 3, -1])),
        lambda: x - ops.mean(x, axis=choose([1, 2, 3, -1, (1, 2)]), keepdims=True),
        lambda: ops.cumsum(x, axis=choose([1, 2, 3])),
        lambda: ops.max(x, axis=choose([1, 2, 3]), keepdims=True) - x,
    ]
    return choose(kinds)()


def _merged(choose: Choose, pool: list[Any]) -> Any:
    x, y = _like(choose, pool), _like(choose, pool)
    shape = x.shape[1:]
    fits = [one for one in pool if one.shape[1:] == shape]
    near = [one for one in pool if one.shape[1:-1] == shape[:-1]]
    kinds = [
        lambda: layers.Add()([x, choose(fits)]),
        lambda: layers.Multiply()([x, choose(fits)]),
        lambda: choose([layers.Maximum, layers.Minimum, layers.Average, layers.Subtract])()(
            [x, choose(fits)]
        ),
        lambda: layers.Concatenate()([x, choose(near)]),
        lambda: layers.Concatenate(axis=choose([1, 2]))([x, choose(fits)]),
        lambda: layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(x)]),
        lambda: layers.Add()([x, y]),
        lambda: x * y,
        lambda: x + layers.GlobalAveragePooling2D(keepdims=True)(x),
        lambda: ops.concatenate([x, choose(near)], axis=-1),
        lambda: ops.where(x > choose(fits), x, choose(fits)),
    ]
    return choose(kinds)()


def _shared(choose: Choose, pool: list[Any]) -> Any:
    """A layer or a small model called twice."""
    x = _like(choose, pool)
    channels = x.shape[-1]
    if choose([True, False]):
        layer: Any = layers.Conv2D(channels, 3, padding="same", activation=_activation(choose))
    else:
        inner = keras.Input((None, None, channels))
        y = layers.BatchNormalization()(layers.SeparableConv2D(channels, 3, padding="same")(inner))
        layer = keras.Model(inner, choose([y, layers.Add()([y, inner])]))
    return choose([layer(layer(x)), layers.Add()([layer(x), layer(x)])])


PIXELS: list[Stage] = [
    *(_convolution, _convolution, _folded, _folded, _pooling, _excited, _normalized, _rearranged),
    *(_elementwise, _elementwise, _merged, _merged, _shared),
]


def _head(choose: Choose, x: Any) -> Any:
    kinds = [
        lambda: layers.Dense(3)(layers.Flatten()(x)),
        lambda: layers.GlobalAveragePooling2D()(x),
        lambda: layers.Dense(2, activation="softmax")(layers.GlobalMaxPooling2D()(x)),
        lambda: layers.Flatten(data_format="channels_first")(x),
        lambda: ops.mean(x, axis=(1, 2)),
        lambda: layers.Dense(2)(layers.BatchNormalization()(layers.Dense(4)(layers.Flatten()(x)))),
        lambda: x,
        lambda: x,
    ]
    try:
        return choose(kinds)()
    except (ValueError, TypeError):  # free sizes cannot be flattened
        return x


def pixels(choose: Choose) -> Any:
    """Graphs over small images: branches, merges, shared and nested parts, several outputs."""
    channels = choose([1, 2, 3, 4])
    sides = choose([(7, 8), (5, 5), (9, 6), (8, 8), (None, None)])
    kind = choose(["float32"] * 5 + ["uint8", "float16", "float64"])
    inputs = keras.Input((*sides, channels), dtype=kind)
    x = inputs
    if kind == "uint8" or choose([False, False, True]):
        x = choose([layers.Rescaling(1 / 127.5, offset=-1.0), layers.Rescaling([0.1] * channels)])(x)
    pool = [x]
    _grow(choose, pool, PIXELS)
    outputs = [_head(choose, pool[-1])]
    if choose([False, False, True]):
        outputs.append(_head(choose, choose(pool)))
    return keras.Model(inputs, outputs)


def channels_first(choose: Choose) -> Any:
    """A chain of layers that have the channels first, as PyTorch's people write it."""
    inputs = keras.Input((choose([1, 2, 4]), 7, 6))
    form = {"data_format": "channels_first"}
    pool = [inputs]

    def stage(choose: Choose, pool: list[Any]) -> Any:
        x = _like(choose, pool)
        window = {"strides": choose([1, 2]), "padding": choose(["same", "valid"]), **form}
        kinds = [
            lambda: layers.Conv2D(3, 3, activation=_activation(choose), **window),
            lambda: layers.DepthwiseConv2D(2, **window),
            lambda: layers.SeparableConv2D(3, 2, **window),
            lambda: layers.Conv2DTranspose(2, 3, **window),
            lambda: layers.MaxPooling2D(2, **window),
            lambda: layers.AveragePooling2D(3, **window),
            lambda: layers.BatchNormalization(axis=1),
            lambda: layers.GroupNormalization(1, axis=1),
            lambda: layers.ZeroPadding2D(1, **form),
            lambda: layers.UpSampling2D(2, **form),
            lambda: layers.Cropping2D(1, **form),
            lambda: layers.Activation(_activation(choose) or "linear"),
        ]
        return choose(kinds)()(x)

    _grow(choose, pool, [stage, stage, _merged])
    end = choose([layers.Flatten(**form), layers.GlobalAveragePooling2D(**form), layers.Identity()])
    return keras.Model(inputs, end(pool[-1]))


# Steps: (rows, steps, features), with masks and without


def _recurrent(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    options = {"return_sequences": True, "go_backwards": choose([False, False, True])}
    kinds = [
        lambda: layers.LSTM(choose([1, 3]), **options)(x),
        lambda: layers.GRU(2, reset_after=choose([True, False]), **options)(x),
        lambda: layers.SimpleRNN(3, activation=choose(["tanh", "relu"]), **options)(x),
        lambda: layers.Bidirectional(
            layers.LSTM(2, return_sequences=True), merge_mode=choose(["concat", "sum", "mul", "ave"])
        )(x),
        lambda: layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_sequences=True)(x),
        lambda: layers.LSTM(3, return_sequences=True)(
            x, initial_state=[layers.Dense(3)(layers.GlobalAveragePooling1D()(x))] * 2
        ),
        lambda: layers.GRU(2, return_sequences=True, return_state=True)(x)[0],
        lambda: layers.RepeatVector(4)(layers.LSTM(3, recurrent_activation="sigmoid")(x)),
    ]
    return choose(kinds)()


def _attended(choose: Choose, pool: list[Any]) -> Any:
    x, y = _like(choose, pool), _like(choose, pool)
    causal = {"use_causal_mask": choose([False, True])}
    kinds = [
        lambda: layers.MultiHeadAttention(2, 2)(x, x, **causal),
        lambda: layers.MultiHeadAttention(1, 3, value_dim=2, use_bias=False)(x, y),
        lambda: layers.GroupQueryAttention(2, 4, 2)(x, y),
        lambda: layers.Attention(use_scale=choose([False, True]))([x, x], **causal),
        lambda: layers.AdditiveAttention()(
            [x, choose([one for one in pool if one.shape[-1] == x.shape[-1]])]
        ),
        lambda: layers.Add()([x, layers.MultiHeadAttention(2, 2)(layers.LayerNormalization()(x), x)]),
    ]
    return choose(kinds)()


def _stepwise(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    kinds = [
        lambda: layers.Dense(choose([2, 4]), activation=_activation(choose))(x),
        lambda: layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x),
        lambda: layers.Conv1D(3, 2, padding=choose(["same", "causal", "valid"]), strides=choose([1, 2]))(x),
        lambda: layers.SeparableConv1D(3, 2, padding="same")(x),
        lambda: layers.Conv1DTranspose(2, 3, strides=choose([1, 2]), padding="same")(x),
        lambda: layers.MaxPooling1D(2, padding="same")(x),
        lambda: layers.BatchNormalization()(x),
        lambda: layers.LayerNormalization()(x),
        lambda: layers.SpatialDropout1D(0.5)(x),
        lambda: layers.Masking(choose([0.0, 0.5]))(x),
        lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")(x),
        lambda: layers.ZeroPadding1D(1)(x),
        lambda: layers.Permute((2, 1))(x),
        lambda: layers.UpSampling1D(2)(x),
        lambda: layers.Activation(_activation(choose) or "linear")(x),
        lambda: x * 0.5 + layers.Activation("relu")(x),
        lambda: x[:, ::-1],
        lambda: x[:, 1:],
        lambda: ops.concatenate([x, ops.ones_like(x[..., :1])], axis=-1),
        lambda: x - ops.mean(x, axis=1, keepdims=True),
        lambda: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
        lambda: ops.einsum("bij,bkj->bik", x, x),
    ]
    return choose(kinds)()


def _joined(choose: Choose, pool: list[Any]) -> Any:
    x = _like(choose, pool)
    fits = [one for one in pool if one.shape[1:] == x.shape[1:]]
    near = [one for one in pool if one.shape[1] == x.shape[1]]
    kinds = [
        lambda: choose([layers.Add, layers.Multiply, layers.Average, layers.Maximum])()([x, choose(fits)]),
        lambda: layers.Concatenate()([x, choose(near)]),
        lambda: layers.Concatenate(axis=1)([x, choose(fits)]),
        lambda: layers.Dot(axes=choose([1, 2, (1, 1), (2, 2)]))([x, choose(fits)]),
        lambda: x + choose(fits),
    ]
    return choose(kinds)()


def _twice(choose: Choose, pool: list[Any]) -> Any:
    """A recurrent layer or a nested model, shared by two places."""
    x = _like(choose, pool)
    inner = keras.Input((None, x.shape[-1]))
    model = keras.Model(inner, layers.GRU(x.shape[-1], return_sequences=True)(layers.Dropout(0.1)(inner)))
    layer = choose([model, layers.LSTM(x.shape[-1], return_sequences=True)])
    return choose([layer(layer(x)), layer(x) + layer(x * 0.5)])


STEPS: list[Stage] = [
    _recurrent,
    _recurrent,
    _attended,
    _stepwise,
    _stepwise,
    _stepwise,
    _joined,
    _joined,
    _twice,
]


def _last(choose: Choose, x: Any) -> Any:
    kinds = [
        lambda: layers.GRU(3)(x),
        lambda: layers.Bidirectional(layers.LSTM(2))(x),
        lambda: layers.GlobalAveragePooling1D()(x),
        lambda: layers.GlobalMaxPooling1D()(x),
        lambda: layers.Dense(2)(layers.Flatten()(x)),
        lambda: x[:, -1],
        lambda: ops.logsumexp(x, axis=1),
        lambda: x,
    ]
    try:
        return choose(kinds)()
    except (ValueError, TypeError):
        return x


def steps(choose: Choose) -> Any:
    """Graphs over words and series: masks at any place, several inputs, attention, states, shared parts."""
    length = choose([1, 5, 6, None])
    words = keras.Input((length,), dtype=choose(["int32", "int64"]))
    pool = [layers.Embedding(6, 4, mask_zero=choose([True, True, False]))(words)]
    inputs = [words]
    if choose([True, False]):
        series = keras.Input((length, choose([2, 4])))
        inputs.append(series)
        pool.append(choose([series, layers.Masking()(series), layers.Dense(4)(series)]))
    _grow(choose, pool, STEPS, [1, 2, 3, 4])
    outputs = [_last(choose, pool[-1])]
    if choose([False, False, True]):
        outputs.append(_last(choose, choose(pool)))
    return keras.Model(inputs, outputs)


# Vectors: (rows, features), several inputs of several dtypes


def _vector(choose: Choose, pool: list[Any]) -> Any:
    x, y = _like(choose, pool), _like(choose, pool)
    fits = [one for one in pool if one.shape == x.shape]
    kinds = [
        lambda: layers.Dense(
            choose([1, 3, 4]), activation=_activation(choose), use_bias=choose([True, False])
        )(x),
        lambda: layers.BatchNormalization(center=choose([True, False]))(layers.Dense(4)(x)),
        lambda: layers.Dense(3)(layers.BatchNormalization()(x)),
        lambda: layers.LayerNormalization()(x),
        lambda: layers.Concatenate()([x, y]),
        lambda: choose([layers.Add, layers.Multiply, layers.Subtract, layers.Minimum])()([x, choose(fits)]),
        lambda: layers.Dot(axes=1, normalize=choose([True, False]))([x, choose(fits)]),
        lambda: x @ ops.ones((x.shape[-1], 2)),
        lambda: ops.stack([x, choose(fits)], axis=1)[:, choose([0, 1, -1])],
        lambda: ops.expand_dims(x, 1)[:, 0] * choose([2, 0.5]),
        lambda: ops.cast(x > 0, "float32") * x,
        lambda: ops.where(ops.isnan(x), 0.0, x) + y[:, :1],
        lambda: ops.sum(x, axis=-1, keepdims=True) / 3.0,
        lambda: ops.sqrt(ops.square(x) + 1e-3),
        lambda: ops.one_hot(ops.argmax(pool[0], axis=-1), 4),
        lambda: ops.sort(x, axis=-1),
        lambda: ops.top_k(x, 2)[0],
        lambda: ops.take(x, [0, 0], axis=1),
        lambda: ops.tile(x, (1, 2)),
        lambda: ops.split(ops.tile(x, (1, 2)), 2, axis=1)[1],
        lambda: ops.var(x, axis=-1, keepdims=True) + x,
        lambda: ops.exp(-ops.abs(x)),
        lambda: pool[0] // 0.5,
        lambda: layers.Reshape((x.shape[-1],))(layers.Flatten()(layers.RepeatVector(1)(x))),
        lambda: layers.Normalization(mean=0.5, variance=2.0)(x),
        lambda: layers.UnitNormalization()(x),
        lambda: layers.Dropout(0.5)(layers.GaussianNoise(0.1)(x)),
        lambda: layers.Dense(3, dtype=choose(["mixed_float16", "float64", "float32"]))(x),
    ]
    return choose(kinds)()


def vectors(choose: Choose) -> Any:
    """Graphs over tables: floats of several widths, categories, booleans, preprocessing at the door."""
    features = keras.Input((choose([1, 3, 4]),), dtype=choose(["float32", "float32", "float64", "float16"]))
    inputs, pool = [features], [layers.Identity()(features)]
    if choose([True, False]):
        category = keras.Input((choose([1, 2]),), dtype=choose(["int32", "int64", "uint8"]))
        kinds = [
            lambda: layers.Flatten()(layers.Embedding(6, 3)(category)),
            lambda: layers.CategoryEncoding(6, output_mode="multi_hot")(category),
            lambda: ops.cast(category, "float32"),
            lambda: ops.cast(
                layers.IntegerLookup(vocabulary=[1, 3, 4], output_mode="multi_hot")(category), "float32"
            ),
        ]
        inputs.append(category)
        pool.append(choose(kinds)())
    if choose([False, False, True]):
        flag = keras.Input((choose([1, 3, 4]),), dtype="bool")
        inputs.append(flag)
        pool.append(ops.cast(ops.logical_not(flag), "float32"))
    if choose([False, False, True]):
        pool.append(
            layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode="one_hot")(features[:, :1])
        )
    _grow(choose, pool, [_vector])
    return keras.Model(inputs, [pool[-1], choose(pool)] if choose([True, False]) else pool[-1])


# Lines and volumes: convolutions of one and three dimensions


def volumes(choose: Choose) -> Any:
    """Chains of one- and three-dimensional convolutions and poolings with branches."""
    rank = choose([1, 3])
    sides = {1: [(9,), (6,), (None,)], 3: [(5, 4, 6), (4, 4, 4)]}[rank]
    inputs = keras.Input((*choose(sides), choose([1, 2, 4])))
    pool = [inputs]

    def stage(choose: Choose, pool: list[Any]) -> Any:
        x = _like(choose, pool)
        fits = [one for one in pool if one.shape == x.shape]
        window = {"strides": choose([1, 1, 2]), "padding": choose(["same", "valid"])}
        kinds = [
            lambda: _named("Conv", rank)(choose([2, 4]), 3, activation=_activation(choose), **window)(x),
            lambda: _named("Conv", rank)(3, 2, dilation_rate=2, padding="same")(x),
            lambda: _named("Conv", rank, "Transpose")(2, choose([2, 3]), **window)(x),
            lambda: _named("MaxPooling", rank)(2, **window)(x),
            lambda: _named("AveragePooling", rank)(choose([2, 3]), **window)(x),
            lambda: layers.BatchNormalization()(_named("Conv", rank)(2, 1)(x)),
            lambda: _named("ZeroPadding", rank)(1)(x),
            lambda: _named("Cropping", rank)(1)(x),
            lambda: _named("UpSampling", rank)(2)(x),
            lambda: layers.LayerNormalization()(x),
            lambda: layers.PReLU(shared_axes=list(range(1, rank + 1)), alpha_initializer="uniform")(x),
            lambda: layers.Add()([x, choose(fits)]),
            lambda: layers.Concatenate()([x, choose(fits)]),
            lambda: layers.Dense(3, activation=_activation(choose))(x),
        ]
        return choose(kinds)()

    _grow(choose, pool, [stage])
    end = choose(
        [_named("GlobalAveragePooling", rank)(), _named("GlobalMaxPooling", rank)(), layers.Identity()]
    )
    return keras.Model(inputs, end(pool[-1]))


def _named(kind: str, rank: int, suffix: str = "") -> Any:
    return getattr(layers, f"{kind}{rank}D{suffix}")


FAMILIES: dict[str, Callable[[Choose], Any]] = {
    one.__name__: one for one in (pixels, channels_first, steps, vectors, volumes)
}


def built(family: str, choose: Choose) -> Any:
    """A network with weights that are not those of its initializers, so that nothing hides in ones and zeros."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(choose(range(1000)))
    model = FAMILIES[family](choose)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization | layers.LayerNormalization):
            for weight in layer.weights:
                weight.assign(keras.random.uniform(weight.shape, 0.5, 1.5, dtype=weight.dtype))
    return model


def verdict(model: Any) -> str:
    """How it ends: the engines agree with Keras, or somebody says why not. AssertionError if they disagree."""
    from horngate.contract.tensors import numpy_dtype
    from horngate.zoo.convert import Refused
    from tests.zoo.convert.conftest import agree_on, case_of, random_feed

    try:
        case = case_of(model)
    except Refused as reason:
        return f"refused: {reason}"
    try:
        answers = case.keras(case.feeds(2, random_feed))
    except Exception:
        return "Keras itself cannot run it"
    if any(
        one.dtype != numpy_dtype(spec.datatype) for one, spec in zip(answers, case.spec.outputs, strict=True)
    ):
        return "Keras answers in another dtype than it declares"
    half = any(one.datatype == "FP16" for one in (*case.spec.inputs, *case.spec.requestable.values()))
    tolerance = 5e-3 if half else 1e-4  # several layers round one after the other
    agree_on(model, tolerance=tolerance, engines=["onnxruntime"])
    try:
        agree_on(model, tolerance=tolerance, engines=["openvino"])
    except RuntimeError as error:
        return f"agreed, but OpenVINO cannot: {str(error).strip().splitlines()[-1][:150]}"
    return "agreed"


def main() -> int:
    """Try many; report all that disagree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="networks of each family")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="only these; all by default")
    parser.add_argument("--trace", action="store_true", help="show where a network failed")
    args = parser.parse_args()
    ends: Counter[str] = Counter()
    try:
        for seed in range(args.seed, args.seed + args.count):
            for family in args.family or FAMILIES:
                ends[_tried(family, seed, trace=args.trace)] += 1
    except KeyboardInterrupt:
        print(f"stopped at seed {seed}")
    for end, count in ends.most_common():
        print(f"{count:6} {end}")
    return 1 if ends[DISAGREED] else 0


def _tried(family: str, seed: int, *, trace: bool) -> str:
    try:
        return verdict(built(family, random.Random(seed).choice))
    except Exception as error:
        print(f"{family} --seed {seed}: {type(error).__name__}: {str(error)[:400]}", flush=True)
        if trace:
            traceback.print_exc()
        return DISAGREED


if __name__ == "__main__":
    sys.exit(main())
