"""The scaling of pictures as the first nodes of a graph.

Serving processes call this: it imports onnx, and never Keras.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from horngate.zoo.images.recipe import PIXELS, ImageInput
from horngate.zoo.images.scaling import Array


def prepend_scaling(graph: onnx.GraphProto, wanted: ImageInput) -> None:
    """Have the graph take `PIXELS` in place of its input, which it makes of them by itself.

    The nodes compute with channels first: there a change of the channels' order moves whole planes, and engines
    cancel the step back against the one that the network begins with. A graph without that input stays as it is.
    """
    place = next((index for index, value in enumerate(graph.input) if value.name == wanted.name), None)
    if place is None:
        return
    nodes = _nodes(graph, wanted, graph.input[place].type.tensor_type.elem_type)
    rest = list(graph.node)
    graph.ClearField("node")
    graph.node.extend([*nodes, *rest])
    shape: list[int | str] = ["rows", *wanted.shape]
    graph.input[place].CopyFrom(helper.make_tensor_value_info(PIXELS, onnx.TensorProto.UINT8, shape))


def _nodes(graph: onnx.GraphProto, wanted: ImageInput, native: int) -> list[onnx.NodeProto]:
    scaling = wanted.recipe.scaling
    factor, offset = scaling.line(wanted.channels)
    steps: list[tuple[str, list[str], dict[str, Any]]] = [("Transpose", [], {"perm": [0, 3, 1, 2]})]
    if scaling.order == "BGR":
        steps.append(("Gather", [_constant(graph, "order", np.array([2, 1, 0]))], {"axis": 1}))
    steps.append(("Cast", [], {"to": onnx.TensorProto.FLOAT}))
    for kind, numbers, nothing in (("Mul", factor, 1), ("Add", offset, 0)):
        if (numbers != nothing).any():
            steps.append((kind, [_constant(graph, kind, numbers.reshape(1, -1, 1, 1))], {}))
    if native != onnx.TensorProto.FLOAT:
        steps.append(("Cast", [], {"to": native}))
    steps.append(("Transpose", [], {"perm": [0, 2, 3, 1]}))
    values = [PIXELS, *(f"{PIXELS}/{number}" for number in range(1, len(steps))), wanted.name]
    return [
        helper.make_node(kind, [value, *constants], [made], name=f"{PIXELS}/{kind}{number}", **attributes)
        for number, ((kind, constants, attributes), value, made) in enumerate(
            zip(steps, values, values[1:], strict=False)
        )
    ]


def _constant(graph: onnx.GraphProto, name: str, values: Array) -> str:
    full = f"{PIXELS}/{name}"
    graph.initializer.append(numpy_helper.from_array(values, full))
    return full
