"""A graph in int8: weights, and the values between layers, as whole numbers of 8 bits, by the operator's rows.

What is quantised are products, and what lies between them that would else turn whole numbers into floats and back.
A model's last product, and what comes after it, stay in float32: they cost little, and probabilities near 0 would
all be 0 in steps of 1/256.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import onnx

from horngate.contract.errors import LoadError
from horngate.contract.tensors import TensorSpec
from horngate.server.builder.reference import Array
from horngate.server.builder.rows import Rows
from horngate.zoo.cut import cut
from horngate.zoo.fold import fold
from horngate.zoo.tidy import tidy
from horngate.zoo.weight_file import array_of

QUANTISED_NODES = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul", "Concat", "Relu", "Clip", "LeakyRelu", "MaxPool",
    "AveragePool", "GlobalAveragePool", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Pad",
)  # fmt: skip

_PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


class _Reader:
    """Feeds the rows, a few at a time; the interface is ONNX Runtime's."""

    def __init__(self, names: Sequence[str], rows: Rows) -> None:
        self._batches: Iterator[dict[str, Array]] = (
            dict(zip(names, batch, strict=True)) for batch in rows.batches()
        )

    def get_next(self) -> dict[str, Array] | None:
        return next(self._batches, None)


def quantise(graph: Path, outputs: Sequence[tuple[str, TensorSpec]], rows: Rows, target: Path) -> None:
    """Write the part of the graph that makes these outputs (see `cut`) in int8, with its weights, to `target`.

    LoadError: there is no product in it, which is all that int8 is for.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    part = _folded(graph, outputs)
    ending = _ending(part.graph)
    if not any(node.op_type in _PRODUCTS and node.name not in ending for node in part.graph.node):
        raise LoadError(
            'precision is "int8"; the model has no convolution or Dense layer before its last, which stays '
            'in float32; expected precision = "float32" or "bfloat16"'
        )
    kept = logging.root.level
    logging.root.setLevel(logging.ERROR)  # It recommends what is done here already, by another means.
    try:
        quantize_static(
            part,
            str(target),
            _Reader([value.name for value in part.graph.input], rows),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED_NODES),
            nodes_to_exclude=sorted(ending),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.root.setLevel(kept)


def _folded(graph: Path, outputs: Sequence[tuple[str, TensorSpec]]) -> onnx.ModelProto:
    """The part in float32, its normalizations in the products beside them, its weights read."""
    whole = onnx.load(graph, load_external_data=False)
    part = cut(whole, outputs)
    tidy(part)
    fold(part, partial(array_of, folder=graph.parent))
    onnx.external_data_helper.load_external_data_for_model(part, str(graph.parent))
    for place, node in enumerate(part.graph.node):
        node.name = f"{node.op_type}{place}"
    return part


def _ending(graph: onnx.GraphProto) -> set[str]:
    """The names of the nodes from each output back to the first product, which is among them."""
    makers = {name: node for node in graph.node for name in node.output}
    found: set[str] = set()
    waiting = [value.name for value in graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += [] if node.op_type in _PRODUCTS else node.input
    return found
