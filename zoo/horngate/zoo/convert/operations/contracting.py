"""Products of matrices and of tensors."""

from typing import Any

from horngate.zoo.convert.contraction import contract, spelled_out
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import promoted
from horngate.zoo.convert.registry import Refused, converts_operation


@converts_operation("Matmul")
def matmul(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """The product of the last two axes, the others broadcast."""
    left, right = (graph.plain(one) for one in promoted(graph, x1, x2))
    if left.dtype in ("bool", "int8"):
        raise Refused(f"a product of {left.dtype}, which Keras has results of another dtype of")
    if right.rank == 1 and left.rank > 1 and not isinstance(x2, Value):
        return graph.op("MatMul", left, right, shape=left.shape[:-1])
    if left.rank < 2 or right.rank < 2:
        raise Refused(f"a product of ranks {left.rank} and {right.rank}")
    batch = left.shape[:-2] if left.rank >= right.rank else right.shape[:-2]
    if left.rank > 2 and left.rank == right.rank:
        pairs = zip(left.shape[:-2], right.shape[:-2], strict=True)
        batch = tuple(b if a == 1 else a for a, b in pairs)
    return graph.op("MatMul", left, right, shape=(*batch, left.shape[-2], right.shape[-1]))


@converts_operation("Dot")
def dot(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """With a matrix on the right, the same as a product of matrices."""
    left, right = (graph.plain(one) for one in promoted(graph, x1, x2))
    if left.rank > 1 and right.rank == 1 and not isinstance(x2, Value):
        return graph.op("MatMul", left, right, shape=left.shape[:-1])
    if left.rank < 2 or right.rank != 2 or isinstance(x2, Value):
        raise Refused(f"a dot product of ranks {left.rank} and {right.rank}")
    return graph.op("MatMul", left, right, shape=(*left.shape[:-1], right.shape[-1]))


@converts_operation("Einsum")
def einsum(graph: Graph, operation: Any, *operands: Any) -> Value:
    """Einstein's summation."""
    values = [graph.plain(one) for one in promoted(graph, *operands)]
    return contract(graph, spelled_out(operation.subscripts, values[0].rank), values)
