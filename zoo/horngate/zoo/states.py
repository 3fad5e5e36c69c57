"""The states of recurrent layers that outlive a call, as inputs and outputs of a graph.

Serving processes read this: it imports onnx and numpy only where a graph is rewritten, and never Keras.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from horngate.contract.tensors import Shape

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, kw_only=True)
class State:
    """One state of a `stateful` layer. A sequence begins with zeros in `input`; `output` is what it goes on with.

    `layer` is the public name of the layer's (first) call. `shape` has the rows first, free, whatever the batch
    size that the model was saved with.
    """

    layer: str
    input: str
    output: str
    shape: Shape
    dtype: str

    @property
    def place(self) -> str:
        """The layer that keeps it, by its path: inside of a wrapper, another than the one that is called."""
        return self.input.rsplit("/", 1)[0]

    def to_json(self) -> dict[str, Any]:
        """The form that an artifact keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        """The state that `to_json` wrote."""
        return cls(**{**data, "shape": tuple(data["shape"])})


def begun_anew(proto: "onnx.ModelProto", states: Iterable[State]) -> "onnx.ModelProto":
    """The graph with every state that it reads at zero: each call is a sequence of its own, as long as its steps.

    That is what Keras answers after `reset_states`. The states are neither inputs nor outputs any more.
    """
    graph = proto.graph
    read = {value.name for value in graph.input}
    given = [state for state in states if state.input in read]
    if not given:
        return proto
    gone = {state.input for state in given} | {state.output for state in given}
    begun = type(proto)()
    begun.CopyFrom(proto)
    for field in ("input", "output", "node"):
        begun.graph.ClearField(field)
    begun.graph.input.extend(value for value in graph.input if value.name not in gone)
    begun.graph.output.extend(value for value in graph.output if value.name not in gone)
    for state in given:
        begun.graph.node.extend(_zeros(begun.graph, state, begun.graph.input[0].name))
    begun.graph.node.extend(graph.node)
    return begun


def _zeros(graph: "onnx.GraphProto", state: State, rows_of: str) -> "list[onnx.NodeProto]":
    """Nodes that make zeros in the state's place, as many rows as an input has."""
    import numpy as np
    from onnx import helper, numpy_helper

    rows, sizes, shape = (f"{state.input}/{part}" for part in ("rows", "sizes", "shape"))
    inside = np.asarray(state.shape[1:], dtype=np.int64)
    graph.initializer.append(numpy_helper.from_array(inside, sizes))
    zero = numpy_helper.from_array(np.zeros(1, dtype=state.dtype))
    return [
        helper.make_node("Shape", [rows_of], [rows], name=rows, start=0, end=1),
        helper.make_node("Concat", [rows, sizes], [shape], name=shape, axis=0),
        helper.make_node("ConstantOfShape", [shape], [state.input], name=state.input, value=zero),
    ]
