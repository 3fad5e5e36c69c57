"""Recurrent layers: both directions, masks with holes, given and returned states."""

from typing import Any

import keras
import pytest
from keras import layers, ops

from horngate.zoo.convert import Refused, convert

KINDS: dict[str, Any] = {
    "LSTM": layers.LSTM,
    "GRU": layers.GRU,
    "GRU, reset before": lambda units, **more: layers.GRU(units, reset_after=False, **more),
    "SimpleRNN": layers.SimpleRNN,
}
kinds = pytest.mark.parametrize("kind", KINDS)


def model_of(layer, shape=(6, 4)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


def masked_steps(random, one):
    """Steps with holes: some at the front, some at the back, a row of nothing but padding."""
    x = random.normal(size=one.shape).astype("f4")
    x[random.random(size=one.shape[:2]) < 0.4] = 0
    x[0] = 0 if len(x) > 1 else x[0]
    return x


def masked_words(random, one):
    words = random.integers(0, 4, size=one.shape)
    words[0] = 0 if len(words) > 1 else words[0]
    return words.astype("i4")


@kinds
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_runs(kind, sequences, backwards, agree):
    layer = KINDS[kind](5, return_sequences=sequences, go_backwards=backwards, bias_initializer="normal")
    agree(model_of(layer))


@kinds
def test_free_steps(kind, agree):
    agree(model_of(KINDS[kind](5, return_sequences=True), shape=(None, 4)))


@kinds
def test_without_bias(kind, agree):
    agree(model_of(KINDS[kind](5, use_bias=False)))


@kinds
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_masks_with_holes(kind, sequences, backwards, agree):
    inputs = keras.Input((6, 4))
    layer = KINDS[kind](
        5, return_sequences=sequences, return_state=True, go_backwards=backwards, bias_initializer="normal"
    )
    agree(keras.Model(inputs, layer(layers.Masking()(inputs))), feed=masked_steps)


@pytest.mark.parametrize("zeros", [False, True])
def test_outputs_of_masked_steps(zeros, agree):
    inputs = keras.Input((6, 4))
    layer = layers.LSTM(5, return_sequences=True, zero_output_for_mask=zeros)
    agree(keras.Model(inputs, layer(layers.Masking()(inputs))), feed=masked_steps)


def test_a_mask_passes_through_a_stack(agree):
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = layers.Dense(4)(layers.Dropout(0.5)(x))
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(4, activation="relu"))(x)
    x = layers.LSTM(3, return_sequences=True)(x)
    agree(
        keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))), feed=some_words
    )


def some_words(random, one):
    """At least one word a row: the mean of none is not a number, in Keras as well."""
    words = masked_words(random, one)
    words[:, 3] = 2
    return words


@kinds
def test_states_given_and_returned(kind, agree):
    x = keras.Input((6, 4))
    states = [keras.Input((5,)) for _ in range(2 if kind == "LSTM" else 1)]
    layer = KINDS[kind](5, return_state=True, return_sequences=True)
    agree(keras.Model([x, *states], layer(x, initial_state=states)))


def test_states_given_to_masked_steps(agree):
    x, h, c = keras.Input((6, 4)), keras.Input((5,)), keras.Input((5,))
    outputs = layers.LSTM(5, return_state=True)(layers.Masking()(x), initial_state=[h, c])

    def feed(random, one):
        return (
            masked_steps(random, one) if len(one.shape) == 3 else random.normal(size=one.shape).astype("f4")
        )

    agree(keras.Model([x, h, c], outputs), feed=feed)


def test_masks_that_the_graph_does_not_hold(agree):
    """Keras records a mask in the graph only for a call without keywords; here every layer hands it on."""
    quiet = {"training": False}
    words = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(words)
    x = layers.GRU(4, return_sequences=True)(x, **quiet)
    x = layers.Add()([layers.Dropout(0.5)(x, **quiet), layers.Dense(4)(x)])
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True), merge_mode="sum")(x, **quiet)
    agree(keras.Model(words, layers.GRU(4)(x, **quiet)), feed=masked_words)


def test_given_states_make_keras_forget_the_mask(agree):
    words, state = keras.Input((6,), dtype="int32"), keras.Input((4,))
    x = layers.Embedding(9, 4, mask_zero=True)(words)

    def feed(random, one):
        is_words = one.datatype == "INT32"
        return masked_words(random, one) if is_words else random.normal(size=one.shape).astype("f4")

    agree(keras.Model([words, state], layers.GRU(4)(x, initial_state=state)), feed=feed)


def test_a_decoder_starts_from_the_encoder(agree):
    source, target = keras.Input((6,), dtype="int32"), keras.Input((4,), dtype="int32")
    _, *states = layers.LSTM(5, return_state=True)(layers.Embedding(9, 4, mask_zero=True)(source))
    steps = layers.LSTM(5, return_sequences=True)(layers.Embedding(9, 4)(target), initial_state=states)
    agree(keras.Model([source, target], layers.Dense(9)(steps)), feed=masked_words)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_both_directions(mode, sequences, agree):
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=sequences), merge_mode=mode)
    agree(model_of(layer))


def test_both_directions_from_the_end(agree):
    ahead = layers.GRU(3, return_sequences=True, go_backwards=True)
    agree(model_of(layers.Bidirectional(ahead, backward_layer=layers.GRU(3, return_sequences=True))))


@kinds
@pytest.mark.parametrize("mask", [False, True])
def test_stacks_of_both_directions(kind, mask, agree):
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=mask)(inputs)
    x = KINDS[kind](3, return_sequences=True)(x)
    x = layers.Bidirectional(KINDS[kind](3, return_sequences=True), merge_mode="sum")(x)
    x = KINDS[kind](3, return_sequences=True, go_backwards=True)(x)
    agree(keras.Model(inputs, layers.Bidirectional(KINDS[kind](2))(x)), feed=masked_words)


def test_both_directions_with_states(agree):
    x = keras.Input((6, 4))
    states = [keras.Input((3,)) for _ in range(4)]
    layer = layers.Bidirectional(layers.LSTM(3, return_state=True, return_sequences=True))
    agree(keras.Model([x, *states], layer(x, initial_state=states)))


@pytest.mark.parametrize("sequences", [False, True])
def test_both_directions_of_masked_steps(sequences, agree):
    inputs = keras.Input((6, 4))
    layer = layers.Bidirectional(layers.GRU(3, return_sequences=sequences), merge_mode="concat")
    agree(keras.Model(inputs, layer(layers.Masking()(inputs))), feed=masked_steps)


ACTIVATIONS = ["relu", "hard_sigmoid", "softsign", "linear", "elu", "silu", None]
"""The operators have most of these; silu runs step by step."""


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid", "softmax"])
def test_other_activations(gates, agree):
    inputs = keras.Input((6, 4))
    outputs = [layers.LSTM(5, activation=one, recurrent_activation=gates)(inputs) for one in ACTIVATIONS]
    outputs += [layers.GRU(5, activation=one, recurrent_activation=gates)(inputs) for one in ACTIVATIONS]
    agree(keras.Model(inputs, outputs), engines=["onnxruntime"])


def test_a_plain_rnn_of_a_cell(agree):
    agree(model_of(layers.RNN(layers.GRUCell(5), return_sequences=True)))


class Leaky(layers.Layer):
    """A cell of a user: what it sees fades away."""

    state_size = 4

    def build(self, shape):
        self.rate = self.add_weight(shape=(shape[-1],), initializer="uniform")

    def call(self, x, states):
        state = states[0] * ops.sigmoid(self.rate) + ops.tanh(x)
        return state * 2, [state]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_a_cell_of_a_user(mask, backwards, agree):
    inputs = keras.Input((None, 4))
    layer = layers.RNN(Leaky(), return_sequences=True, return_state=True, go_backwards=backwards)
    outputs = layer(layers.Masking()(inputs) if mask else inputs)
    agree(keras.Model(inputs, outputs), feed=masked_steps)


def test_a_cell_by_itself(agree):
    x, h, c = keras.Input((4,)), keras.Input((5,)), keras.Input((5,))
    output, states = layers.LSTMCell(5)(x, [h, c])
    agree(keras.Model([x, h, c], [output, *states]))


def test_in_double_precision(agree):
    inputs = keras.Input((6, 4), dtype="float64")
    layer = layers.Bidirectional(layers.LSTM(3, dtype="float64"), dtype="float64")
    agree(keras.Model(inputs, layer(inputs)), tolerance=1e-12, engines=["onnxruntime"])


def test_a_subclass_inside_both_directions_is_refused():
    class Other(layers.LSTM):
        """Computes something else, perhaps."""

    with keras.utils.custom_object_scope({"Other": Other}):
        model = model_of(layers.Bidirectional(Other(3)))
    with pytest.raises(Refused, match="its inner layer is a Other"):
        convert(model)


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        (lambda: layers.Dense(3), (4, 5)),
        (lambda: layers.Conv2D(3, 2, activation="relu"), (4, 6, 5, 2)),
        (lambda: layers.Flatten(), (4, 6, 5)),
        (lambda: layers.LSTM(3), (4, 6, 5)),
        (lambda: keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(2)]), (4, 6)),
        (lambda: layers.Dense(3), (None, 5)),
        (lambda: layers.Conv2D(3, 2, padding="same"), (None, None, None, 2)),
        (lambda: layers.TimeDistributed(layers.Bidirectional(layers.GRU(2))), (2, 3, 4, 2)),
    ],
    ids=["dense", "convolution", "flatten", "lstm", "model", "free steps", "free sizes", "nested"],
)
def test_each_step_by_itself(inner, shape, agree):
    agree(model_of(layers.TimeDistributed(inner()), shape=shape))


def test_softmax_of_masked_steps(agree):
    inputs, mask = keras.Input((4,)), keras.Input((4,), dtype="bool")
    agree(keras.Model([inputs, mask], layers.Softmax()(inputs, mask=mask)))


def test_masks_of_merged_steps(agree):
    x, y = keras.Input((6, 4)), keras.Input((6, 4))
    both = [layers.Masking()(x), layers.Masking()(y)]
    added = layers.GRU(3)(layers.Add()(both))
    joined = layers.GRU(3)(layers.Concatenate()(both))
    longer = layers.GRU(3)(layers.Concatenate(axis=1)(both))
    agree(keras.Model([x, y], [added, joined, longer]), feed=masked_steps)


@pytest.mark.parametrize(
    "kind", ["Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum", "Concatenate"]
)
def test_masks_of_merged_words(kind, agree):
    """Some layers look at the masks of what they merge, and Concatenate joins one with none."""
    words, others, bare = (
        keras.Input((6,), dtype="int32"),
        keras.Input((6,), dtype="int32"),
        keras.Input((6, 4)),
    )
    seen, too = (layers.Embedding(9, 4, mask_zero=True)(one) for one in (words, others))
    merge = getattr(layers, kind)
    outputs = [layers.GRU(2)(merge()(pair)) for pair in ([seen, too], [seen, bare], [bare, too])]
    if kind == "Concatenate":
        outputs.append(layers.GRU(2)(merge(axis=1)([seen, bare])))

    def feed(random, one):
        return (
            masked_words(random, one)
            if one.datatype == "INT32"
            else random.normal(size=one.shape).astype("f4")
        )

    agree(keras.Model([words, others, bare], outputs), feed=feed)


class Passing(layers.Layer):
    """Hands on its very input, with the mask that hangs on it."""

    def call(self, x):
        return x


class Marking(layers.Layer):
    """Makes a mask of its own."""

    def call(self, x):
        return x * 2.0

    def compute_mask(self, x, mask=None):
        return ops.any(x > 0, axis=-1)


@pytest.mark.filterwarnings("ignore:.*does not support masking")
def test_masks_of_user_code(agree):
    words, steps = keras.Input((6,), dtype="int32"), keras.Input((6, 4))
    seen = layers.Embedding(9, 4, mask_zero=True)(words)
    marked = layers.Lambda(lambda x: x * 2.0, mask=lambda x, mask: ops.logical_not(mask))(seen)
    outputs = [layers.GRU(2)(one) for one in (Passing()(seen), Marking()(steps), marked)]

    def feed(random, one):
        return (
            masked_words(random, one)
            if one.datatype == "INT32"
            else random.normal(size=one.shape).astype("f4")
        )

    agree(keras.Model([words, steps], outputs), feed=feed)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_stacked_cells(mask, backwards, agree):
    inputs = keras.Input((6, 4))
    cells = [layers.LSTMCell(3), layers.GRUCell(5)]
    layer = layers.RNN(cells, return_sequences=True, return_state=True, go_backwards=backwards)
    outputs = keras.tree.flatten(layer(layers.Masking()(inputs) if mask else inputs))
    agree(keras.Model(inputs, outputs), feed=masked_steps)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_convolutional(rank, backwards, sequences, agree):
    layer = getattr(layers, f"ConvLSTM{rank}D")(
        2, 3, padding="same", return_sequences=sequences, go_backwards=backwards, return_state=True
    )
    inputs = keras.Input((*(4, 6, 5, 3)[: rank + 1], 3))
    agree(keras.Model(inputs, layer(inputs)))


@pytest.mark.parametrize("kind", ["masked", "free", "both directions"])
def test_convolutional_steps(kind, agree):
    inputs = keras.Input((None if kind == "free" else 3, 5, 4, 2))
    layer = layers.ConvLSTM2D(2, 2, return_sequences=True, data_format="channels_last")
    layer = layers.Bidirectional(layer) if kind == "both directions" else layer
    if kind == "masked":
        mask = keras.Input((3,), dtype="bool")
        agree(keras.Model([inputs, mask], layer(inputs, mask=mask)), engines=["onnxruntime"])
    else:
        agree(keras.Model(inputs, layer(inputs)), engines=["onnxruntime"])


def test_convolutional_with_strides(agree):
    agree(model_of(layers.ConvLSTM2D(2, 3, strides=2, activation="relu"), shape=(3, 9, 8, 2)))
