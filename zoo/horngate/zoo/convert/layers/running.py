"""What every kind of recurrent layer shares: the states it starts from and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import packing
from horngate.zoo.convert.weights import as_numpy


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a recurrent layer computed: the output of each step at that step, the last one, the states."""

    outputs: Value
    last: Value
    states: tuple[Value, ...]

    def returned(self, graph: Graph, layer: Any) -> Value | tuple[Value, ...]:
        """The last output or all of them in the order in which they were computed, and the states if asked."""
        output = self.last
        if layer.return_sequences:
            output = packing.flip(graph, self.outputs) if layer.go_backwards else self.outputs
        return (output, *self.states) if layer.return_state else output


def given_states(graph: Graph, layer: Any, initial: Sequence[Value] | Value | None) -> list[Value]:
    """The states that a layer starts from, flat: given, kept from the call before, or none, which is zeros."""
    dtype = layer.cell.compute_dtype
    if initial is not None:
        return [graph.plain(graph.cast(state, dtype)) for state in keras.tree.flatten(initial)]
    if not layer.stateful:
        return []
    shapes = [(None, *one.shape[1:]) for one in first_states(layer)]
    return [graph.cast(one, dtype) for one in graph.memory.recall(graph, layer, shapes, layer.variable_dtype)]


def first_states(layer: Any) -> list[Any]:
    """What one row starts from, as arrays."""
    return [as_numpy(state) for state in keras.tree.flatten(layer.get_initial_state(batch_size=1))]
