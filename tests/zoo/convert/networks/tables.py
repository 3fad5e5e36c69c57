"""Networks over (rows, features), several inputs of several dtypes."""

from typing import Any

import keras
from keras import layers, ops

from tests.zoo.convert.networks.growing import Choose, activation_of, any_of, grow


def _vector(choose: Choose, pool: list[Any]) -> Any:
    x, y = any_of(choose, pool), any_of(choose, pool)
    fits = [one for one in pool if one.shape == x.shape]
    kinds = [
        lambda: layers.Dense(
            choose([1, 3, 4]), activation=activation_of(choose), use_bias=choose([True, False])
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
    grow(choose, pool, [_vector])
    return keras.Model(inputs, [pool[-1], choose(pool)] if choose([True, False]) else pool[-1])
