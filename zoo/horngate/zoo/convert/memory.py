"""What `stateful` layers keep from one call to the next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from horngate.contract.tensors import Shape
from horngate.zoo.states import State

if TYPE_CHECKING:
    from horngate.zoo.convert.graph import Graph, Value


class Memory:
    """States come in as inputs of the graph and go out as outputs. One conversion owns it.

    A layer that is called twice goes on, in its second call, from what its first call left.
    """

    def __init__(self) -> None:
        # For each layer, by its id: what its next call starts from. The first entry was the graph's input.
        self._current: dict[int, list[Value]] = {}
        self._inputs: dict[int, tuple[str, list[Value]]] = {}

    def recall(self, graph: "Graph", layer: Any, shapes: Sequence[Shape], dtype: str) -> "list[Value]":
        """What the layer's call before left."""
        if id(layer) not in self._current:
            scope = graph.scope.rsplit("/", 1)[-1].split(":")[0]
            prefix = "" if scope == layer.name else f"{layer.name}/"
            fed = [
                graph.fresh_input(f"{prefix}state.{place}", shape, dtype)
                for place, shape in enumerate(shapes)
            ]
            self._inputs[id(layer)] = graph.scope, fed
            self._current[id(layer)] = fed
        return self._current[id(layer)]

    def keep(self, layer: Any, values: "Sequence[Value]") -> None:
        """Remember what a call leaves."""
        self._current[id(layer)] = list(values)

    def declare(self, graph: "Graph") -> tuple[State, ...]:
        """Declare what the last calls leave as outputs of the graph."""
        states = []
        for key, (scope, fed) in self._inputs.items():
            for given, left in zip(fed, self._current[key], strict=True):
                name = f"{given.name}.next"
                graph.output(name, graph.cast(graph.plain(left), given.dtype))
                states.append(
                    State(layer=scope, input=given.name, output=name, shape=given.shape, dtype=given.dtype)
                )
        return tuple(states)
