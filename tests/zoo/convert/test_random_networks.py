"""Random networks of valid layers: each agrees with Keras on both engines; none is refused.

`HORNGATE_RANDOM_NETWORKS=2000 pytest tests/zoo/convert/test_random_networks.py` looks further.
"""

import os
from typing import Any

import keras
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from keras import layers

COUNT = int(os.environ.get("HORNGATE_RANDOM_NETWORKS", "25"))
ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "hard_sigmoid", None]
EXAMPLES = settings(
    phases=set(Phase) - ({Phase.shrink} if COUNT == 25 else set()),
    max_examples=COUNT,
    deadline=None,
    derandomize=COUNT == 25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def pixel_stages(draw: Any, x: Any) -> Any:
    """One more stage after (rows, height, width, channels)."""
    pick = draw(st.integers(0, 11))
    padding = draw(st.sampled_from(["same", "valid"] if min(x.shape[1:3]) >= 3 else ["same"]))
    step = {"strides": draw(st.integers(1, 2)), "padding": padding}
    size = draw(st.integers(1, 3))
    activation = draw(st.sampled_from(ACTIVATIONS))
    stages = [
        lambda: layers.Conv2D(draw(st.integers(1, 6)), size, activation=activation, **step)(x),
        lambda: layers.DepthwiseConv2D(size, depth_multiplier=draw(st.integers(1, 2)), **step)(x),
        lambda: layers.SeparableConv2D(4, size, activation=activation, **step)(x),
        lambda: layers.Conv2DTranspose(3, size, **step)(x),
        lambda: layers.MaxPooling2D(2, **{**step, "padding": "same"})(x),
        lambda: layers.AveragePooling2D(2, **{**step, "padding": "same"})(x),
        lambda: layers.BatchNormalization(axis=draw(st.sampled_from([-1, 1])))(x),
        lambda: layers.LayerNormalization()(x),
        lambda: layers.Activation(activation or "linear")(x),
        lambda: layers.ZeroPadding2D(draw(st.integers(0, 2)))(x),
        lambda: layers.Add()([x, layers.Conv2D(x.shape[-1], 1)(x)]),
        lambda: layers.Concatenate()([x, layers.Conv2D(2, size, padding="same")(x)]),
    ]
    return stages[pick]()


def step_stages(draw: Any, x: Any) -> Any:
    """One more stage after (rows, steps, features), masked or not."""
    pick = draw(st.integers(0, 9))
    backwards = {"go_backwards": draw(st.booleans()), "return_sequences": True}
    stages = [
        lambda: layers.LSTM(draw(st.integers(1, 4)), **backwards)(x),
        lambda: layers.GRU(3, reset_after=draw(st.booleans()), **backwards)(x),
        lambda: layers.SimpleRNN(3, **backwards)(x),
        lambda: layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode="sum")(x),
        lambda: layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x),
        lambda: layers.Dense(4, activation=draw(st.sampled_from(ACTIVATIONS)))(x),
        lambda: layers.Dropout(0.5)(x),
        lambda: layers.LayerNormalization()(x),
        lambda: layers.MultiHeadAttention(2, 2)(x, x, use_causal_mask=draw(st.booleans())),
        lambda: x * 0.5 + layers.Activation("relu")(x),
    ]
    return stages[pick]()


def image_network(draw: Any) -> Any:
    """A chain of stages over a small image, ended in one of several ways."""
    sides = draw(st.sampled_from([(7, 8), (5, 5), (9, 6)]))
    inputs = keras.Input((*sides, draw(st.integers(1, 3))))
    x = inputs
    for _ in range(draw(st.integers(1, 5))):
        x = pixel_stages(draw, x)
    end = draw(st.sampled_from(["flat", "average", "max", "as it is"]))
    if end == "flat":
        x = layers.Dense(3)(layers.Flatten()(x))
    elif end != "as it is":
        x = getattr(layers, f"Global{end.title()}Pooling2D")()(x)
    return keras.Model(inputs, x)


def word_network(draw: Any) -> Any:
    """A chain of stages over words, padded with zeros at any place."""
    inputs = keras.Input((draw(st.sampled_from([1, 5, 6])),), dtype="int32")
    x = layers.Embedding(6, 4, mask_zero=draw(st.booleans()))(inputs)
    for _ in range(draw(st.integers(1, 4))):
        x = step_stages(draw, x)
    return keras.Model(inputs, layers.GRU(3)(x) if draw(st.booleans()) else x)


@pytest.mark.parametrize("network", [image_network, word_network])
@EXAMPLES
@given(data=st.data())
def test_agree(network, data, agree):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(data.draw(st.integers(0, 1000)))
    agree(network(data.draw), tolerance=3e-5)
