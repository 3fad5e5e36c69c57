"""Keras models whose recurrent layers take their states from the caller and hand them back.

Keras keeps the states of a `stateful` layer in variables of a fixed batch size, outside of `model.variables`. Here
a layer computes as if it were not stateful, with its loop given other states to begin with and asked for those that
it ends with: any number of rows, nothing left behind, on every backend, inside of a compiled call too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import LoadError
from horngate.zoo.convert.weights import as_numpy
from horngate.zoo.states import State
from horngate.zoo.wiring import wiring_of

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A recurrent layer, the states that outlive its call, and what a row of each begins with, (1, …).

    `caller` is the layer that the model calls: itself, or a wrapper.
    """

    layer: Any
    caller: Any
    states: tuple[State, ...]
    begin: tuple[Array, ...]


def kept_by(model: Any) -> tuple[Kept, ...]:
    """The layers of a model that are `stateful`, in running order, with their states as a graph names them."""
    return tuple(kept for kept in _recurrent(model) if kept.layer.stateful)


def keepers_of(model: Any, states: Sequence[State]) -> tuple[Kept, ...]:
    """The layers that have these states, whether the model says that they are stateful or not."""
    wanted = {state.input for state in states}
    found = tuple(kept for kept in _recurrent(model) if kept.states[0].input in wanted)
    if [state for kept in found for state in kept.states] != list(states):
        raise LoadError(f"the model's file has no layers with the states {', '.join(sorted(wanted))}")
    return found


def step(
    model: Any, kept: Sequence[Kept], inputs: list[Any], states: list[Any]
) -> tuple[list[Any], list[Any]]:
    """One call of a model that holds these layers, from these states: its outputs and the states after it, flat."""
    given = iter(states)
    carried = {id(each.layer): [next(given) for _ in each.states] for each in kept}
    with _carrying(kept, carried):
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return list(keras.tree.flatten(outputs)), [state for each in kept for state in carried[id(each.layer)]]


@contextmanager
def _carrying(kept: Sequence[Kept], carried: dict[int, list[Any]]) -> Iterator[None]:
    """Inside, each layer begins with what `carried` holds under its id, and leaves there what it ends with."""
    said = [
        (layer, getattr(layer, "stateful", False)) for each in kept for layer in (each.layer, each.caller)
    ]
    for each in kept:
        # A wrapper that is not stateful may compute both directions in one, past its layers' own loops.
        each.caller.stateful = True
        each.layer.stateful = False
        each.layer.inner_loop = _carried_loop(each.layer, carried)
    try:
        yield
    finally:
        for layer, stateful in said:
            layer.stateful = stateful
        for each in kept:
            del each.layer.inner_loop


def _carried_loop(layer: Any, carried: dict[int, list[Any]]) -> Any:
    loop = layer.inner_loop

    def run(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        before = [keras.ops.cast(state, layer.cell.compute_dtype) for state in carried[id(layer)]]
        begin = keras.tree.pack_sequence_as(initial_state, before)
        last, outputs, after = loop(sequences=sequences, initial_state=begin, mask=mask, training=training)
        as_computed = [keras.ops.cast(state, layer.compute_dtype) for state in keras.tree.flatten(after)]
        carried[id(layer)] = [keras.ops.cast(state, layer.variable_dtype) for state in as_computed]
        return last, outputs, after

    return run


def _recurrent(model: Any) -> Iterator[Kept]:
    """Every recurrent layer of a model that is built, once, named like its first call."""
    seen: set[int] = set()
    for call in wiring_of(model).every_call():
        if call.inner is not None or not isinstance(call.operation, keras.Layer):
            continue
        for layer in call.operation._flatten_layers():
            if isinstance(layer, keras.layers.RNN) and id(layer) not in seen:
                seen.add(id(layer))
                yield _kept(layer, call.operation, call.names[0])


def _kept(layer: Any, caller: Any, scope: str) -> Kept:
    own = scope.rsplit("/", 1)[-1].split(":")[0] == layer.name
    place = scope if own else f"{scope}/{layer.name}"
    begin = tuple(as_numpy(state) for state in keras.tree.flatten(layer.get_initial_state(batch_size=1)))
    names = [f"{place}/state.{number}" for number in range(len(begin))]
    states = tuple(
        State(
            layer=scope,
            input=name,
            output=f"{name}.next",
            shape=(None, *one.shape[1:]),
            dtype=layer.variable_dtype,
        )
        for name, one in zip(names, begin, strict=True)
    )
    return Kept(layer=layer, caller=caller, states=states, begin=begin)
