"""From a Keras model to an ONNX model."""

from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from horngate.contract.errors import LoadError
from horngate.zoo.convert.calling import run_wiring
from horngate.zoo.convert.graph import IR_VERSION, ML_OPSET, OPSET, Graph, Value, onnx_dtype
from horngate.zoo.convert.registry import Refused
from horngate.zoo.convert.tracing import traced
from horngate.zoo.cut import axis_name
from horngate.zoo.wiring import input_names, output_names, wiring_of


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A model as ONNX. `tensors` maps each name that a request may ask for to its value in the graph.

    The graph computes every layer's output; only the model's own are declared as graph outputs, under the
    names of the model's specification. `cut` makes a graph of what is asked for.
    """

    proto: onnx.ModelProto
    tensors: dict[str, str]


def convert(model: Any) -> Converted:
    """Write a Keras model as ONNX, layer by layer. Refused if a layer has no faithful ONNX form.

    Inputs are named like the model's, their first axis is `rows`, other free axes are symbolic. The weights
    are copied; the Keras backend does not matter.
    """
    try:
        wiring = wiring_of(model)
    except LoadError as error:
        raise Refused(str(error)) from error
    graph = Graph(traced)
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
    return Converted(proto=_proto(model.name, graph, outputs), tensors=tensors)


def _public(graph: Graph, value: Value) -> Value:
    """The value as a request gets it: Keras's axes, and a dtype that the protocol carries."""
    value = graph.plain(value)
    return graph.cast(value, "float32") if value.dtype == "bfloat16" else value


def _proto(name: str, graph: Graph, outputs: dict[str, Value]) -> onnx.ModelProto:
    proto = onnx.GraphProto(name=name)
    proto.input.extend(graph.inputs)
    proto.initializer.extend(graph.initializers)
    proto.node.extend(graph.nodes)
    for public, value in outputs.items():
        if value.name != public:
            proto.node.append(helper.make_node("Identity", [value.name], [public], name=f"{public}/output"))
        proto.output.append(_declared(public, value))
    opsets = [helper.make_opsetid("", OPSET)]
    if any(node.domain == "ai.onnx.ml" for node in graph.nodes):
        opsets.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    return helper.make_model(
        proto,
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="horngate",
    )


def _declared(name: str, value: Value) -> onnx.ValueInfoProto:
    axes = [axis_name(name, axis, size) for axis, size in enumerate(value.shape)]
    return helper.make_tensor_value_info(name, onnx_dtype(value.dtype), axes)
