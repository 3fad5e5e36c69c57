"""Networks over (rows, steps, features), with masks and without."""

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.convert.networks.growing import Choose, Stage, activation_of, any_of, grow


def _recurrent(choose: Choose, pool: list[Any]) -> Any:
    x = any_of(choose, pool)
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
    x, y = any_of(choose, pool), any_of(choose, pool)
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
    x = any_of(choose, pool)
    kinds = [
        lambda: layers.Dense(choose([2, 4]), activation=activation_of(choose))(x),
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
        lambda: layers.Activation(activation_of(choose) or "linear")(x),
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
    x = any_of(choose, pool)
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
    x = any_of(choose, pool)
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
    grow(choose, pool, STEPS, [1, 2, 3, 4])
    outputs = [_last(choose, pool[-1])]
    if choose([False, False, True]):
        outputs.append(_last(choose, choose(pool)))
    return keras.Model(inputs, outputs)
