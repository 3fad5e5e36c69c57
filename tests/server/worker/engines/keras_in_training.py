"""What Keras itself answers in training, with the random generators where a seed puts them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def answers(model: Any, inputs: Sequence[Array], seed: int) -> list[Array]:
    """`model(inputs, training=True)`; generators begin in the order of the layers, as the docs tell.

    What the call notes in the model, such as moving averages, is put back.
    """
    before = [np.asarray(variable.value) for variable in model.variables]
    layers = [model, *model._flatten_layers(include_self=False)]
    states = {id(one.state): one.state for layer in layers for one in layer._seed_generators}
    for place, state in enumerate(states.values()):
        state.assign([np.random.SeedSequence([seed, place]).generate_state(1)[0], 0])
    outputs = model(list(inputs) if len(inputs) > 1 else inputs[0], training=True)
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]
