"""Stateful layers: their states as inputs and outputs, fed back from call to call."""

from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from horngate.zoo.convert import Refused, begun_anew, convert
from horngate.zoo.states import State

ROWS = 3

LAYERS: dict[str, Any] = {
    "LSTM": lambda: layers.LSTM(4, stateful=True),
    "GRU": lambda: layers.GRU(4, stateful=True, return_sequences=True, go_backwards=True),
    "SimpleRNN": lambda: layers.SimpleRNN(4, stateful=True),
    "step by step": lambda: layers.LSTM(4, stateful=True, activation="silu"),
    "both directions": lambda: layers.Bidirectional(layers.LSTM(4, stateful=True)),
    "masked": lambda: keras.Sequential([layers.Masking(), layers.LSTM(4, stateful=True)]),
    "stack": lambda: keras.Sequential(
        [layers.GRU(4, stateful=True, return_sequences=True), layers.LSTM(3, stateful=True)]
    ),
}


def model_of(layer, shape=(5, 2)):
    inputs = keras.Input(batch_shape=(ROWS, *shape))
    return keras.Model(inputs, layer(inputs))


def program(proto):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def assert_close(got, wanted, what):
    np.testing.assert_allclose(got, wanted, atol=1e-5, err_msg=what)


def chunks(count=3, rows=ROWS, shape=(5, 2)):
    random = np.random.default_rng(1)
    steps = [random.normal(size=(rows, *shape)).astype("f4") for _ in range(count)]
    steps[-1][:, 2:4] = 0  # Masking leaves these out.
    return steps


def follow(converted, inputs):
    """Each chunk's outputs, the states fed back."""
    onnx.checker.check_model(converted.proto, full_check=True)
    run = program(converted.proto)
    fed = next(one.name for one in converted.proto.graph.input)
    states = {one.input: np.zeros((len(inputs[0]), *one.shape[1:]), one.dtype) for one in converted.states}
    for chunk in inputs:
        output, *left = run({fed: chunk, **states})
        states = dict(zip(states, left, strict=True))
        yield output


@pytest.mark.parametrize("name", LAYERS)
def test_a_sequence_in_pieces(name):
    model = model_of(LAYERS[name]())
    converted = convert(model)
    for chunk, got in zip(chunks(), follow(converted, chunks()), strict=True):
        assert_close(got, np.asarray(model(chunk)), name)


def test_states_are_named_and_have_free_rows():
    model = model_of(layers.Bidirectional(layers.LSTM(4, stateful=True), name="both"))
    states = convert(model).states
    ahead = model.layers[-1].forward_layer.name
    assert states[0] == State(
        layer="both",
        input=f"both/{ahead}/state.0",
        output=f"both/{ahead}/state.0.next",
        shape=(None, 4),
        dtype="float32",
    )
    assert len({one.input for one in states}) == 4
    assert State.from_json(states[0].to_json()) == states[0]


def test_other_batch_sizes_than_the_saved_one():
    model = model_of(layers.LSTM(4, stateful=True))
    whole = next(follow(convert(model), chunks(1, rows=7)))
    for row in range(7):
        model.layers[-1].reset_states()
        alone = np.repeat(chunks(1, rows=7)[0][row : row + 1], ROWS, axis=0)
        assert_close(whole[row : row + 1], np.asarray(model(alone))[:1], f"row {row}")


def test_a_layer_called_twice_goes_on():
    inputs = keras.Input(batch_shape=(ROWS, 5, 2))
    layer = layers.GRU(2, stateful=True, return_sequences=True)
    model = keras.Model(inputs, layer(layer(inputs)))
    for chunk, got in zip(chunks(), follow(convert(model), chunks()), strict=True):
        assert_close(got, np.asarray(model(chunk)), "twice")


def test_beginning_anew_needs_no_states():
    model = model_of(LAYERS["stack"]())
    converted = convert(model)
    proto = begun_anew(converted.proto, converted.states)
    onnx.checker.check_model(proto, full_check=True)
    assert len(proto.graph.input) == len(proto.graph.output) == 1
    run = program(proto)
    for chunk in chunks():
        for layer in model.layers[-1].layers:
            layer.reset_states()
        (got,) = run({proto.graph.input[0].name: chunk})
        assert_close(got, np.asarray(model(chunk)), "anew")


def test_convolutional():
    layer = layers.ConvLSTM1D(2, 2, stateful=True)
    shape = (2, 4, 3)
    model = model_of(layer, shape=shape)
    inputs = chunks(3, shape=shape)
    for chunk, got in zip(inputs, follow(convert(model), inputs), strict=True):
        assert_close(got, np.asarray(model(chunk)), "convolutional")


def test_a_state_that_lives_inside_of_a_step_is_refused():
    inputs = keras.Input(batch_shape=(ROWS, 4, 5, 2))
    model = keras.Model(inputs, layers.TimeDistributed(layers.LSTM(4, stateful=True))(inputs))
    with pytest.raises(Refused, match="keeps a state from step to step"):
        convert(model)
