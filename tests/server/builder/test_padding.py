"""Free axes that may be padded, and those that may not: by what the layers are, and by what Keras answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from horngate.server.builder.padding import fills, fills_by_layers
from horngate.server.builder.reference import KerasModel
from horngate.zoo.describe import describe
from horngate.zoo.wiring import wiring_of


def built(make: Callable[[Any, Any], Any], *, words: bool = False) -> Any:
    import keras

    keras.utils.set_random_seed(3)
    x = keras.Input((None,), dtype="int32", name="x") if words else keras.Input((None, 4), name="x")
    return keras.Model(x, make(keras.layers, x))


def found(model: Any) -> dict[str, float]:
    spec = describe(model)
    return fills(model, KerasModel(model, spec), spec)


MASKED: dict[str, Callable[[Any, Any], Any]] = {
    "recurrent": lambda k, x: k.Dense(2)(k.LSTM(5)(k.Dropout(0.5)(k.Masking(-1.0)(x)))),
    "stacked": lambda k, x: k.GRU(3)(k.Bidirectional(k.LSTM(4, return_sequences=True))(k.Masking(-1.0)(x))),
    "by step": lambda k, x: k.GlobalAveragePooling1D()(
        k.LayerNormalization()(k.Dense(6, "tanh")(k.Masking(-1.0)(x)))
    ),
    "merged": lambda k, x: k.GRU(3)(k.Add()([k.Dense(4)(k.Masking(-1.0)(x)), k.Masking(-1.0)(x)])),
}
UNMASKED: dict[str, Callable[[Any, Any], Any]] = {
    "no mask": lambda k, x: k.LSTM(5)(x),
    "attention": lambda k, x: k.GlobalAveragePooling1D()(
        k.MultiHeadAttention(2, 3)(*[k.Masking(-1.0)(x)] * 2)
    ),
    "largest step": lambda k, x: k.GlobalMaxPooling1D()(k.Masking(-1.0)(x)),
    "convolution": lambda k, x: k.LSTM(2)(k.Conv1D(3, 3, padding="same")(k.Masking(-1.0)(x))),
    "one answer a step": lambda k, x: k.LSTM(5, return_sequences=True)(k.Masking(-1.0)(x)),
    "two values": lambda k, x: k.Add()([k.LSTM(2)(k.Masking(-1.0)(x)), k.LSTM(2)(k.Masking(1.0)(x))]),
    "past the mask": lambda k, x: k.Add()([k.LSTM(4)(k.Masking(-1.0)(x)), k.GlobalAveragePooling1D()(x)]),
    "over all steps": lambda k, x: k.GlobalAveragePooling1D()(
        k.Softmax(axis=1)(k.Dense(6)(k.Masking(-1.0)(x)))
    ),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_model_that_masks_what_is_added_may_be_padded(name: str) -> None:
    assert found(built(MASKED[name])) == {"x": -1.0}


def test_words_are_padded_with_what_an_embedding_masks() -> None:
    model = built(lambda k, x: k.GRU(3)(k.Embedding(9, 4, mask_zero=True)(x)), words=True)
    assert found(model) == {"x": 0.0}


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking")
@pytest.mark.parametrize("name", UNMASKED)
def test_a_model_that_might_see_what_is_added_may_not(name: str) -> None:
    model = built(UNMASKED[name])
    assert fills_by_layers(wiring_of(model), describe(model)) == {}


def test_what_the_layers_promise_is_tried() -> None:
    """A model that answered with the number of its steps would be found out."""
    model = built(MASKED["recurrent"])
    spec = describe(model)
    assert fills(model, lambda inputs: [np.full((len(inputs[0]), 2), inputs[0].shape[1])], spec) == {}  # type: ignore
