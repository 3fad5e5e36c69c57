"""Operations on Keras tensors: operators, slices and `keras.ops` in functional models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from horngate.zoo.convert import Refused, convert

UNARY = {
    "abs": lambda x: abs(x),
    "negative": lambda x: -x,
    "exp": ops.exp,
    "log": lambda x: ops.log(ops.abs(x) + 1),
    "log1p": lambda x: ops.log1p(ops.abs(x) * 1e-4),
    "log2": lambda x: ops.log2(ops.abs(x) + 1),
    "log10": lambda x: ops.log10(ops.abs(x) + 1),
    "expm1": lambda x: ops.expm1(x * 1e-4),
    "sqrt": lambda x: ops.sqrt(ops.abs(x)),
    "rsqrt": lambda x: ops.rsqrt(ops.abs(x) + 1),
    "square": ops.square,
    "sin": ops.sin,
    "cosh": ops.cosh,
    "arctan": ops.arctan,
    "arcsinh": ops.arcsinh,
    "erf": ops.erf,
    "floor": ops.floor,
    "round": lambda x: ops.round(x * 2),
    "sign": ops.sign,
    "reciprocal": lambda x: ops.reciprocal(ops.abs(x) + 1),
    "clip": lambda x: ops.clip(x, -0.5, 0.7),
    "cast": lambda x: ops.cast(x * 3, "int32"),
    "zeros": lambda x: x + ops.ones_like(x) - ops.zeros_like(x),
    "sum": lambda x: ops.sum(x, axis=1),
    "mean": lambda x: ops.mean(x, axis=(1, 2), keepdims=True),
    "max": lambda x: ops.max(x, axis=-1),
    "min": lambda x: ops.min(x, axis=-1, keepdims=True),
    "prod": lambda x: ops.prod(x, axis=2),
    "var": lambda x: ops.var(x, axis=1),
    "std": lambda x: ops.std(x, axis=-1),
    "moments": lambda x: ops.moments(x, axes=[1]),
    "logsumexp": lambda x: ops.logsumexp(x, axis=2),
    "any": lambda x: ops.any(x > 1, axis=1),
    "all": lambda x: ops.all(x > -1, axis=1),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmin": lambda x: ops.argmin(x, axis=1),
    "norm": lambda x: ops.norm(x, axis=-1),
    "normalize": lambda x: ops.normalize(x, axis=-1),
    "reshape": lambda x: ops.reshape(x, (-1, 12)),
    "transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
    "moveaxis": lambda x: ops.moveaxis(x, 1, 2),
    "expand": lambda x: ops.expand_dims(x, (1, -1)),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1), 1),
    "flip": lambda x: ops.flip(x, axis=1),
    "tile": lambda x: ops.tile(x, (1, 2, 3)),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3.0),
    "pad, reflected": lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"),
    "split": lambda x: ops.split(x, 3, axis=1),
    "split at": lambda x: ops.split(x, [1, 3], axis=2),
    "unstack": lambda x: ops.unstack(x, axis=1),
    "sort": lambda x: ops.sort(x, axis=1),
    "top k": lambda x: ops.top_k(x, 2),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "take": lambda x: ops.take(x, [2, 0, 0], axis=1),
    "one hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4),
    "slice": lambda x: x[:, 1:],
    "slice with steps": lambda x: x[:, ::-1, 0:4:2],
    "one position": lambda x: x[:, 0],
    "the last": lambda x: x[:, -1, -2:],
    "new axes": lambda x: x[:, None, ..., 1],
    "relu": ops.relu,
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "softmax": lambda x: ops.softmax(x, axis=1),
    "leaky": lambda x: ops.leaky_relu(x, 0.3),
    "einsum": lambda x: ops.einsum("abc,dc->abd", x, np.ones((5, 4), "f4") * 0.5),
    "matmul": lambda x: x @ np.linspace(0, 1, 8).reshape(4, 2).astype("f4"),
    "dot": lambda x: ops.dot(x, np.linspace(0, 1, 8).reshape(4, 2).astype("f4")),
    "isnan": lambda x: ops.isnan(x),
    "layer norm": lambda x: ops.layer_normalization(x, np.ones(4, "f4"), np.zeros(4, "f4"), -1, 1e-3),
    "rms norm": lambda x: ops.rms_normalization(x),
}


@pytest.mark.parametrize("name", UNARY)
def test_of_one_tensor(name, agree):
    x = keras.Input((3, 4))
    y = UNARY[name](x)
    agree(keras.Model(x, list(y) if isinstance(y, tuple | list) else y))


BINARY = {
    "add": lambda x, y: x + y,
    "subtract from a number": lambda x, y: 1.5 - x * y,
    "multiply": lambda x, y: 2 * x * y,
    "divide": lambda x, y: x / (ops.abs(y) + 1),
    "divide by zero": lambda x, y: ops.divide_no_nan(x, ops.relu(y)),
    "floor divide": lambda x, y: x // (ops.abs(y) + 1),
    "modulo": lambda x, y: x % (ops.abs(y) + 1),
    "power": lambda x, y: ops.abs(x) ** 2.5 + ops.power(ops.abs(x), y),
    "maximum": lambda x, y: ops.maximum(x, y),
    "minimum": lambda x, y: ops.minimum(x, 0.3),
    "compare": lambda x, y: [x > y, x >= y, x < y, x <= 0, ops.equal(x, y), ops.not_equal(x, x)],
    "logic": lambda x, y: [
        ops.logical_and(x > 0, y > 0), ops.logical_or(x > 0, y > 0), ops.logical_xor(x > 0, y > 0), ~(x > 0)
    ],
    "where": lambda x, y: ops.where(x > 0, x, y),
    "where, a number": lambda x, y: ops.where(x > 0, 1.0, y),
    "concatenate": lambda x, y: ops.concatenate([x, y], axis=-1),
    "stack": lambda x, y: ops.stack([x, y], axis=1),
    "broadcast": lambda x, y: ops.expand_dims(x, 1) + ops.expand_dims(y, 2),
    "matmul": lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
    "einsum": lambda x, y: ops.einsum("bij,bkj->bik", x, y),
    "take along": lambda x, y: ops.take_along_axis(x, ops.cast(y > 0, "int32"), axis=-1),
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_of_two_tensors(name, agree):
    x, y = keras.Input((3, 4)), keras.Input((3, 4))
    agree(keras.Model([x, y], BINARY[name](x, y)))


RARER = {
    "special numbers": lambda x: [
        ops.isfinite(x), ops.isinf(x), ops.isneginf(x), ops.isposinf(x), ops.nan_to_num(x),
        ops.nan_to_num(ops.log(x)),
    ],
    "functions": lambda x: [
        ops.trunc(x * 3), ops.deg2rad(x), ops.rad2deg(x), ops.exp2(x), ops.cbrt(x), ops.erfc(x), ops.real(x),
        ops.round(x, 2), ops.full_like(x, 2.5), ops.saturate_cast(x * 300, "uint8"),
        ops.clip(x, np.zeros(4, "f4"), np.ones(4, "f4")),
    ],
    "of several": lambda x: [
        ops.hypot(x, x[:, ::-1]), ops.logaddexp(x, 2 * x), ops.arctan2(x, x[:, ::-1]),
        ops.heaviside(x, ops.ones_like(x)),
        ops.select([x > 1, x < -1], [x, x * 2], ops.zeros_like(x)), ops.cross(x[..., :3], x[..., 1:]),
    ],
    "counts": lambda x: [
        ops.count_nonzero(x > 0, axis=1), ops.ptp(x, axis=1),
        ops.average(x, axis=1, weights=np.arange(3, dtype="f4")),
        ops.average(x, axis=-1), ops.max(x, axis=1, initial=0.5), ops.norm(x, ord=1, axis=-1),
        ops.norm(x, ord=np.inf, axis=1), ops.norm(x, axis=(1, 2)), ops.cumsum(x, axis=-1),
    ],
    "orders": lambda x: [
        ops.argsort(x, axis=1), ops.median(x, axis=1), ops.quantile(x, 0.3, axis=-1, keepdims=True),
        ops.percentile(x, 30, axis=1),
        ops.digitize(x, np.array([-1.0, 0, 1], "f4")),
    ],
    "places": lambda x: [
        ops.roll(x, 1, axis=1), ops.roll(x, (1, -2), axis=(1, 2)), ops.diff(x, n=2, axis=1),
        ops.append(x, x, axis=1),
        ops.hstack([x, x]), ops.dstack([x, x]), *ops.array_split(x, 2, axis=1), *ops.dsplit(x, 2),
        ops.repeat(x, [1, 2, 0], axis=1),
    ],
    "matrices": lambda x: [
        ops.tril(x, 1), ops.triu(x, -1), ops.diagonal(x, axis1=1, axis2=2), ops.trace(x, axis1=1, axis2=2),
        ops.tensordot(x, np.ones((4, 2), "f4"), axes=1), ops.matmul(x, np.ones(4, "f4")),
        ops.dot(x, np.ones(4, "f4")),
        ops.det(x[..., :3]), ops.einsum("...ij,jk->...ik", x, np.ones((4, 2), "f4")),
    ],
    "layers as functions": lambda x: [
        ops.batch_normalization(x, *np.ones((2, 4), "f4"), -1, *np.ones((2, 4), "f4")),
        ops.conv(x, np.ones((2, 4, 5), "f4"), 2, "same"), ops.depthwise_conv(x, np.ones((2, 4, 1), "f4")),
    ],
    "signals": lambda x: [
        *ops.rfft(x), *ops.stft(ops.reshape(x, (-1, 12)), 4, 2, 6),
        ops.extract_sequences(ops.reshape(x, (-1, 12)), 4, 3),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RARER)
def test_rarer_ones(name, agree):
    x = keras.Input((3, 4))
    agree(keras.Model(x, RARER[name](x)), engines=["onnxruntime"])


def test_integers_and_bits(agree):
    x, y = keras.Input((4,), dtype="int32"), keras.Input((4,), dtype="bool")
    less = x - 3
    agree(
        keras.Model([x, y], [
            less // 2, less % 2, less // -2, less % -2, x & 3, x | 8, x ^ 5, ops.bitwise_not(x), y & (x > 2), ~y,
            ops.sum(y, axis=1), ops.sum(ops.cast(x, "uint8"), axis=1), ops.isin(x, [1, 3]),
            ops.square(y), ops.argsort(x, axis=1), ops.maximum(x, 2),
        ]),
        engines=["onnxruntime"],
    )  # fmt: skip


def test_patches_and_frames(agree):
    x = keras.Input((6, 8, 4))
    image = ops.image
    outputs = [
        image.extract_patches(x, (2, 2)),
        image.extract_patches(x, 3, strides=2, padding="same"),
        image.rgb_to_grayscale(x[..., :3]),
        image.pad_images(x, 1, 2, target_height=10, target_width=12),
        image.crop_images(x, 1, 2, target_height=3, target_width=3),
        ops.nn.depth_to_space(x, 2),
        ops.nn.space_to_depth(x, 2),
        ops.image.resize(x, (5, 7), interpolation="bicubic"),
    ]
    agree(keras.Model(x, outputs), engines=["onnxruntime"])


def test_free_sizes_stay_what_they_are(agree):
    x = keras.Input((None, 4))

    class Heads(layers.Layer):
        """Splits features in two heads, as attention written by hand does."""

        def call(self, x):
            rows, steps = ops.shape(x)[0], ops.shape(x)[1]
            return ops.transpose(ops.reshape(x, (rows, steps, 2, 2)), (0, 2, 1, 3))

    agree(keras.Model(x, [Heads()(x), x[:, ::-1], ops.sort(x, axis=1)]))


def test_integers_become_floats(agree):
    x = keras.Input((3,), dtype="int32")
    agree(keras.Model(x, [x / 2, ops.exp(x), x * 1.5, ops.mean(x, axis=-1), x + 1, x % 3, ops.clip(x, 1, 3)]))


def test_after_a_convolution(agree):
    x = keras.Input((6, 5, 3))
    y = layers.Conv2D(4, 2)(x)
    agree(keras.Model(x, [ops.relu(y) * 2 + y, y[:, :, ::2], ops.mean(y, axis=(1, 2)), y + np.ones(4, "f4")]))


def test_images(agree):
    x = keras.Input((6, 5, 4))
    outputs = [
        ops.image.resize(x, (9, 4)),
        ops.image.resize(x, (3, 7), interpolation="nearest"),
        ops.max_pool(x, 2),
        ops.average_pool(x, (2, 3), strides=1, padding="same"),
    ]
    agree(keras.Model(x, outputs))


def test_a_swish_gate(agree):
    x = keras.Input((6, 5, 4))
    gate = layers.Conv2D(4, 1, activation="sigmoid")(ops.mean(x, axis=(1, 2), keepdims=True))
    agree(keras.Model(x, layers.Conv2D(2, 1)(x * gate)))


ACROSS_ROWS = {
    "sum": lambda x: ops.sum(x, axis=0, keepdims=True),
    "mean of all": lambda x: x - ops.mean(x),
    "flip": lambda x: ops.flip(x, axis=0),
    "cumsum": lambda x: ops.cumsum(x, axis=0),
    "concatenate": lambda x: ops.concatenate([x, x], axis=0),
}


@pytest.mark.parametrize("name", ACROSS_ROWS)
def test_what_mixes_rows_is_refused(name):
    x = keras.Input((3,))
    with pytest.raises(Refused, match="rows"):
        convert(keras.Model(x, ACROSS_ROWS[name](x)))
