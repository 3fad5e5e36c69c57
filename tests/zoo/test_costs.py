"""Multiply-adds of one layer at a time, against products counted by hand."""

import keras
import pytest
from keras import layers

from horngate.zoo.describe import describe

STEPS, WIDE = (5, 8), (6, 6, 4)


def cost(layer, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))
    return describe(model).layers[-1].macs


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (layers.Dense(3), [(7,)], 7 * 3),
        (layers.Dense(3), [STEPS], 5 * 8 * 3),
        (layers.Conv2D(5, 3), [WIDE], 4 * 4 * 5 * 9 * 4),
        (layers.Conv2D(8, 3, groups=2, strides=2), [WIDE], 2 * 2 * 8 * 9 * 2),
        (layers.Conv1D(3, 2, dilation_rate=2), [STEPS], 3 * 3 * 2 * 8),
        (layers.DepthwiseConv2D((1, 3), depth_multiplier=2), [WIDE], 6 * 4 * 8 * 3),
        (layers.SeparableConv2D(5, 3, depth_multiplier=2), [WIDE], 16 * (8 * 9 + 8 * 5)),
        (layers.Conv2DTranspose(5, 3, strides=2), [WIDE], 36 * 4 * 9 * 5),
        (layers.LSTM(3), [STEPS], 5 * 4 * 3 * (8 + 3)),
        (layers.GRU(3, return_sequences=True), [STEPS], 5 * 3 * 3 * (8 + 3)),
        (layers.Bidirectional(layers.SimpleRNN(3)), [STEPS], 2 * 5 * 3 * (8 + 3)),
        (layers.TimeDistributed(layers.Dense(3)), [STEPS], 5 * 8 * 3),
        (layers.ConvLSTM2D(3, 2, padding="same"), [(5, *WIDE)], 5 * 4 * 36 * 3 * 4 * (4 + 3)),
        (layers.EinsumDense("abc,cd->abd", output_shape=(5, 3)), [STEPS], 5 * 8 * 3),
        (layers.EinsumDense("...x,xy->...y", output_shape=3), [STEPS], 5 * 8 * 3),
        (layers.BatchNormalization(), [WIDE], 144),
        (layers.AveragePooling2D(2), [WIDE], 9 * 4 * 4),
        (layers.GlobalAveragePooling2D(), [WIDE], 144),
        (layers.MaxPooling2D(2), [WIDE], 0),
        (layers.Embedding(9, 4), [(5,)], 0),
        (layers.Dot(axes=1), [(7,), (7,)], 7),
        (layers.Multiply(), [(7,), (7,), (7,)], 14),
        (layers.Attention(), [STEPS, STEPS], 2 * 5 * 5 * 8),
        (layers.Dense(3), [(None, 8)], None),
        (layers.RNN(layers.LSTMCell(3)), [STEPS], None),
    ],
    ids=lambda value: value.name if isinstance(value, keras.Layer) else "",
)
def test_a_layer(layer, shapes, expected):
    assert cost(layer, *shapes) == expected


def test_attention_of_many_heads():
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    attended = layers.MultiHeadAttention(2, 3, value_dim=4)(query, value)
    projected = 2 * (5 * 8 * 3 + 7 * 6 * 3 + 7 * 6 * 4)
    assert describe(keras.Model([query, value], attended)).layers[-1].macs == (
        projected + 2 * 5 * 7 * (3 + 4) + 2 * 5 * 4 * 8
    )


def test_a_model_inside_costs_what_its_layers_do():
    inner = keras.Sequential([keras.Input((7,)), layers.Dense(3), layers.Dense(2)])
    x = keras.Input((7,))
    spec = describe(keras.Model(x, inner(x)))
    assert {layer.name: layer.macs for layer in spec.layers}[inner.name] == 7 * 3 + 3 * 2
