"""A graph of only what is asked for. Serving processes call this: it imports onnx, and never Keras."""

from collections.abc import Sequence

import onnx
from onnx import helper

from horngate.contract.tensors import TensorSpec, numpy_dtype
from horngate.zoo.links import reads


def cut(proto: onnx.ModelProto, outputs: Sequence[tuple[str, TensorSpec]]) -> onnx.ModelProto:
    """A graph that computes these values and holds nothing else; each pair is (value name, output).

    Outputs carry the names, dtypes and shapes of their specifications, in the order given. Inputs that none
    of them needs are gone. Initializers are copied as they are, so references to external data stay
    references: set the folder they are relative to when the result is loaded. KeyError for an unknown value.
    """
    kept, needed = _needed(proto.graph, [value for value, _ in outputs])
    graph = onnx.GraphProto(name=proto.graph.name)
    graph.input.extend(value for value in proto.graph.input if value.name in needed)
    graph.initializer.extend(tensor for tensor in proto.graph.initializer if tensor.name in needed)
    renames, copies = _renames(kept, outputs)
    graph.node.extend(_renamed(node, renames) for node in kept)
    graph.node.extend(
        helper.make_node("Identity", [renames.get(value, value)], [name]) for value, name in copies
    )
    graph.output.extend(_declared(spec) for _, spec in outputs)
    return onnx.ModelProto(
        ir_version=proto.ir_version,
        producer_name=proto.producer_name,
        opset_import=proto.opset_import,
        graph=graph,
    )


def _needed(graph: onnx.GraphProto, wanted: Sequence[str]) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that the values need, in running order, and every name that those read or make."""
    needed = set(wanted)
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(reads(node))
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    missing = set(wanted) - known - {name for node in kept for name in node.output}
    if missing:
        raise KeyError(f"the graph has no value {sorted(missing)}")
    return kept[::-1], needed


def _renames(
    kept: list[onnx.NodeProto], outputs: Sequence[tuple[str, TensorSpec]]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """How values take their public names: renamed where a node makes them, else copied by an Identity."""
    made = {name for node in kept for name in node.output}
    renames: dict[str, str] = {}
    copies: list[tuple[str, str]] = []
    for value, spec in outputs:
        if value in made and value not in renames:
            renames[value] = spec.name
        elif value != spec.name:
            copies.append((value, spec.name))
    return renames, copies


def _renamed(node: onnx.NodeProto, renames: dict[str, str]) -> onnx.NodeProto:
    touched = [*node.input, *node.output]
    if not renames.keys() & set(touched) and not any(
        a.type == onnx.AttributeProto.GRAPH for a in node.attribute
    ):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    _rename(copy, renames)
    return copy


def _rename(node: onnx.NodeProto, renames: dict[str, str]) -> None:
    node.input[:] = [renames.get(name, name) for name in node.input]
    node.output[:] = [renames.get(name, name) for name in node.output]
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _rename(inner, renames)


def _declared(spec: TensorSpec) -> onnx.ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(numpy_dtype(spec.datatype))
    axes = [axis_name(spec.name, axis, size) for axis, size in enumerate(spec.shape)]
    return helper.make_tensor_value_info(spec.name, element, axes)


def axis_name(tensor: str, axis: int, size: int | None) -> int | str:
    """An axis as ONNX declares it: its size, `rows`, or a name of its own."""
    if axis == 0:
        return "rows"
    return f"{tensor}.axis{axis}" if size is None else size
