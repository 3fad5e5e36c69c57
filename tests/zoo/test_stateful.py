"""States handed in and out of Keras models: as Keras keeps them, named as the converter names them."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from horngate.contract.errors import LoadError
from horngate.zoo.convert import convert
from horngate.zoo.stateful import keepers_of, kept_by, step

ROWS = 3


class Decaying(layers.Layer):
    """A cell of a user's: two states, of which the second counts."""

    def __init__(self, units: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.units, self.output_size, self.state_size = units, units, [units, 1]

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x: Any, states: Any) -> Any:
        held, count = states
        new = ops.tanh(ops.matmul(x, self.kernel) + held) / (1.0 + count)
        return new, [new, count + 1.0]


def twice() -> Any:
    inputs = keras.Input(batch_shape=(ROWS, 5, 2))
    layer = layers.GRU(2, stateful=True, return_sequences=True)
    return keras.Model(inputs, layer(layer(inputs)))


def of(layer: Any, shape: tuple[int, ...] = (5, 2)) -> Any:
    inputs = keras.Input(batch_shape=(ROWS, *shape))
    return keras.Model(inputs, layer(inputs))


def nested() -> Any:
    inner = [layers.GRU(4, stateful=True, return_sequences=True, name="same"), layers.Dense(3)]
    return of(
        keras.Sequential([keras.Sequential(inner, name="inner"), layers.LSTM(3, stateful=True, name="same")])
    )


MODELS: dict[str, Any] = {
    "LSTM": lambda: of(layers.LSTM(4, stateful=True)),
    "GRU backwards": lambda: of(layers.GRU(4, stateful=True, return_sequences=True, go_backwards=True)),
    "SimpleRNN": lambda: of(layers.SimpleRNN(4, stateful=True)),
    "both directions": lambda: of(layers.Bidirectional(layers.LSTM(4, stateful=True))),
    "masked": lambda: of(keras.Sequential([layers.Masking(), layers.LSTM(4, stateful=True)])),
    "ConvLSTM2D": lambda: of(layers.ConvLSTM2D(2, 2, stateful=True), (2, 4, 4, 1)),
    "a user's cell": lambda: of(layers.RNN(Decaying(4), stateful=True)),
    "float16 in between": lambda: of(layers.LSTM(4, stateful=True, dtype="mixed_float16")),
    "nested": nested,
    "called twice": twice,
    "one of two": lambda: of(
        keras.Sequential([layers.GRU(4, return_sequences=True), layers.GRU(3, stateful=True)])
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_faq_14_steps_are_keras_s_successive_predictions_and_leave_nothing_in_the_model(name: str) -> None:
    model = MODELS[name]()
    kept = kept_by(model)
    random = np.random.default_rng(1)
    windows = [random.normal(size=model.inputs[0].shape).astype("f4") for _ in range(3)]
    windows[-1][:, 1:2] = 0  # Masking leaves these out.
    right = [model.predict_on_batch(window) for window in windows]
    states = [np.repeat(row, ROWS, axis=0) for each in kept for row in each.begin]
    for window, expected in zip(windows, right, strict=True):
        (got,), states = step(model, kept, [window], [ops.convert_to_tensor(state) for state in states])
        np.testing.assert_allclose(ops.convert_to_numpy(got), expected, atol=1e-6)
    assert all(each.layer.stateful for each in kept)
    named = [state for each in kept for state in each.states]
    assert set(convert(model).states) == set(named)
    assert keepers_of(model, named) is not None


def test_any_number_of_rows() -> None:
    model = of(layers.LSTM(4, stateful=True))
    kept = kept_by(model)
    window = np.random.default_rng(1).normal(size=(7, 5, 2)).astype("f4")
    begin = [ops.convert_to_tensor(np.repeat(row, 7, axis=0)) for row in kept[0].begin]
    (whole,), _ = step(model, kept, [window], begin)
    right = model.predict_on_batch(window[4:])
    np.testing.assert_allclose(ops.convert_to_numpy(whole)[4:], right, atol=1e-6)


def test_states_that_no_layer_has_are_told() -> None:
    states = [
        state for each in kept_by(of(layers.LSTM(4, stateful=True, name="mine"))) for state in each.states
    ]
    with pytest.raises(LoadError, match=r"no layers with the states mine/state\.0"):
        keepers_of(of(layers.LSTM(4, stateful=True, name="other")), states)
