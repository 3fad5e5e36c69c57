"""Attention of every kind, with causal and padding masks."""

import keras
import numpy as np
import pytest
from keras import layers

STEPS = {
    "multi-head": lambda: layers.MultiHeadAttention(2, 3),
    "multi-head, with dropout": lambda: layers.MultiHeadAttention(2, 3, dropout=0.3),
    "multi-head, other sizes": lambda: layers.MultiHeadAttention(
        2, 3, value_dim=5, output_shape=7, use_bias=False
    ),
    "grouped": lambda: layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2),
}


def words(random, one):
    found = random.integers(0, 4, size=one.shape)
    found[:, 0] = 1
    return found.astype("i4")


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("causal", [False, True])
def test_of_itself(name, causal, agree):
    x = keras.Input((5, 6))
    agree(keras.Model(x, STEPS[name]()(x, x, use_causal_mask=causal)))


@pytest.mark.parametrize("name", STEPS)
def test_of_others(name, agree):
    query, value, key = keras.Input((5, 6)), keras.Input((4, 6)), keras.Input((4, 6))
    agree(keras.Model([query, value, key], STEPS[name]()(query, value, key)))


@pytest.mark.parametrize("name", STEPS)
def test_with_a_mask_of_its_own(name, agree):
    x, mask = keras.Input((5, 6)), keras.Input((5, 5), dtype="bool")
    agree(keras.Model([x, mask], STEPS[name]()(x, x, attention_mask=mask)))


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask attached")
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("causal", [False, True])
def test_of_padded_words(name, causal, agree):
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 7, mask_zero=True)(inputs)
    y = STEPS[name]()(x, x, use_causal_mask=causal)
    agree(keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.Add()([x, y]))), feed=words)


def test_causal_with_free_steps(agree):
    x = keras.Input((None, 6))
    agree(keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)))


def test_scores(agree):
    x = keras.Input((5, 6))
    agree(keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)))


@pytest.mark.parametrize("layer", [layers.Attention, layers.AdditiveAttention])
@pytest.mark.parametrize("causal", [False, True])
def test_without_heads(layer, causal, agree):
    query, value = keras.Input((5, 6)), keras.Input((5, 6))
    agree(keras.Model([query, value], layer()([query, value], use_causal_mask=causal)))


def test_without_heads_of_masked_steps(agree):
    query, value = keras.Input((5,), dtype="int32"), keras.Input((4,), dtype="int32")
    embed = layers.Embedding(9, 6, mask_zero=True)
    y = layers.Attention(use_scale=True, score_mode="concat")([embed(query), embed(value)])
    agree(keras.Model([query, value], layers.GlobalAveragePooling1D()(y)), feed=words)


@pytest.mark.parametrize(
    ("equation", "output", "bias", "shape"),
    [
        ("abc,cde->abde", (None, 2, 3), "de", (5, 6)),
        ("abcd,cde->abe", (None, 3), "e", (5, 2, 6)),
        ("...x,xy->...y", 4, "y", (5, 6)),
        ("ab,bc->ac", 4, "c", (6,)),
        ("abc,bd->adc", (4, 6), "d", (5, 6)),
    ],
)
def test_products_of_any_axes(equation, output, bias, shape, agree):
    x = keras.Input(shape)
    layer = layers.EinsumDense(equation, output, bias_axes=bias, activation="relu", bias_initializer="normal")
    agree(keras.Model(x, layer(x)))


def test_a_transformer_block(agree):
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 8)(inputs) + layers.Embedding(6, 8)(np.arange(6))
    y = layers.MultiHeadAttention(2, 4)(layers.LayerNormalization()(x), layers.LayerNormalization()(x))
    x = x + layers.Dropout(0.1)(y)
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(layers.LayerNormalization()(x)))
    agree(keras.Model(inputs, layers.Dense(3)((x + y)[:, -1])))


@pytest.mark.parametrize("axes", [None, (2,), (1, 2)])
def test_over_several_axes(axes, agree):
    x = keras.Input((3, 4, 6))
    agree(keras.Model(x, layers.MultiHeadAttention(2, 4, attention_axes=axes)(x, x)))


def test_a_constant_mask(agree):
    x = keras.Input((5, 6))
    mask = np.tril(np.ones((1, 5, 5), bool))
    agree(keras.Model(x, layers.MultiHeadAttention(2, 4)(x, x, attention_mask=mask)))
