"""Networks over (rows, height, width, channels), and over channels first."""

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.convert.networks.growing import Choose, Stage, activation_of, any_of, grow


def _window(choose: Choose) -> dict[str, Any]:
    window: dict[str, Any] = {"strides": choose([1, 1, 2]), "padding": choose(["same", "valid", "same"])}
    window["data_format"] = choose(["channels_last"] * 7 + ["channels_first"])
    return window


def _convolution(choose: Choose, pool: list[Any]) -> Any:
    x = any_of(choose, pool)
    options = {"activation": activation_of(choose), "use_bias": choose([True, False])}
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
    return layers.Activation(activation_of(choose) or "linear")(x)


def _pooling(choose: Choose, pool: list[Any]) -> Any:
    kind = choose([layers.MaxPooling2D, layers.AveragePooling2D])
    return kind(choose([2, 3, (1, 2)]), **_window(choose))(any_of(choose, pool))


def _excited(choose: Choose, pool: list[Any]) -> Any:
    """Squeeze and excitation, in the ways that people write it."""
    x = any_of(choose, pool)
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
    x = any_of(choose, pool)
    kinds = [
        lambda: layers.BatchNormalization(axis=choose([-1, 1, 2])),
        lambda: layers.LayerNormalization(axis=choose([-1, [1, 2], [1, 2, 3]])),
        lambda: layers.GroupNormalization(choose([1, 2, -1])),
        lambda: layers.UnitNormalization(),
        lambda: layers.RMSNormalization(),
    ]
    return choose(kinds)()(x)


def _rearranged(choose: Choose, pool: list[Any]) -> Any:
    x = any_of(choose, pool)
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
    x = any_of(choose, pool)
    kinds = [
        lambda: layers.Activation(activation_of(choose) or "linear")(x),
        lambda: layers.PReLU(shared_axes=choose([None, [1, 2]]), alpha_initializer="uniform")(x),
        lambda: layers.LeakyReLU(0.1)(x),
        lambda: layers.ReLU(max_value=choose([None, 1.0]), negative_slope=choose([0.0, 0.1]))(x),
        lambda: layers.Softmax(axis=choose([-1, 1]))(x),
        lambda: layers.Dropout(0.5)(x),
        lambda: layers.Rescaling(0.5, offset=choose([0.0, 0.25]))(x),
        lambda: layers.Dense(choose([2, 4]), activation=activation_of(choose))(x),
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


def merged(choose: Choose, pool: list[Any]) -> Any:
    x, y = any_of(choose, pool), any_of(choose, pool)
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
    x = any_of(choose, pool)
    channels = x.shape[-1]
    if choose([True, False]):
        layer: Any = layers.Conv2D(channels, 3, padding="same", activation=activation_of(choose))
    else:
        inner = keras.Input((None, None, channels))
        y = layers.BatchNormalization()(layers.SeparableConv2D(channels, 3, padding="same")(inner))
        layer = keras.Model(inner, choose([y, layers.Add()([y, inner])]))
    return choose([layer(layer(x)), layers.Add()([layer(x), layer(x)])])


PIXELS: list[Stage] = [
    *(_convolution, _convolution, _folded, _folded, _pooling, _excited, _normalized, _rearranged),
    *(_elementwise, _elementwise, merged, merged, _shared),
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
    grow(choose, pool, PIXELS)
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
        x = any_of(choose, pool)
        window = {"strides": choose([1, 2]), "padding": choose(["same", "valid"]), **form}
        kinds = [
            lambda: layers.Conv2D(3, 3, activation=activation_of(choose), **window),
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
            lambda: layers.Activation(activation_of(choose) or "linear"),
        ]
        return choose(kinds)()(x)

    grow(choose, pool, [stage, stage, merged])
    end = choose([layers.Flatten(**form), layers.GlobalAveragePooling2D(**form), layers.Identity()])
    return keras.Model(inputs, end(pool[-1]))
