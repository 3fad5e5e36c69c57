"""From a Keras model to an ONNX model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from horngate.contract.errors import LoadError
from horngate.zoo.convert.calling import run_wiring
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused
from horngate.zoo.convert.tracing import traced
from horngate.zoo.states import State
from horngate.zoo.weight_file import WeightFile
from horngate.zoo.wiring import input_names, output_names, wiring_of


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A model as ONNX. `tensors` maps each name that a request may ask for to its value in the graph.

    The graph computes every layer's output; only the model's own are declared as graph outputs, under the
    names of the model's specification. `cut` makes a graph of what is asked for.

    The `states` of layers that are `stateful` are inputs and outputs of the graph beside the model's own:
    feeding the outputs back continues a sequence. `begun_anew` makes a graph without them.
    """

    proto: onnx.ModelProto
    tensors: dict[str, str]
    states: tuple[State, ...] = ()


def convert(model: Any, weights: Path | None = None) -> Converted:
    """Write a Keras model as ONNX, layer by layer. Refused if a layer has no faithful ONNX form.

    Inputs are named like the model's, their first axis is `rows`, other free axes are symbolic. The Keras
    backend does not matter. The weights are copied into the graph or, where `weights` names a file, into that
    file, one at a time, so that none is held twice; save the graph beside it.
    """
    if weights is None:
        return _converted(model, None)
    with WeightFile(weights) as file:
        return _converted(model, file)


def _converted(model: Any, weights: WeightFile | None) -> Converted:
    try:
        wiring = wiring_of(model)
    except LoadError as error:
        raise Refused(str(error)) from error
    graph = Graph(model.name, traced, weights)
    names = output_names(model, wiring)
    graph.reserve([*names, *(name for call in wiring.every_call() for name in call.names)])
    inputs = zip(input_names(wiring), wiring.inputs, strict=True)
    fed = [graph.input(name, (None, *tensor.shape[1:]), tensor.dtype) for name, tensor in inputs]
    named: dict[str, Value] = {}
    results = run_wiring(graph, wiring, fed, named)
    graph.scope = ""
    public = {name: _public(graph, value) for name, value in named.items()}
    outputs = {name: _public(graph, value) for name, value in zip(names, results, strict=True)}
    tensors = {name: value.name for name, value in (public | outputs).items()}
    for name, value in outputs.items():
        graph.output(name, value)
    states = graph.memory.declare(graph)
    return Converted(proto=graph.model, tensors=tensors, states=states)


def _public(graph: Graph, value: Value) -> Value:
    """The value as a request gets it: Keras's axes, and a dtype that the protocol carries."""
    value = graph.plain(value)
    return graph.cast(value, "float32") if value.dtype == "bfloat16" else value
