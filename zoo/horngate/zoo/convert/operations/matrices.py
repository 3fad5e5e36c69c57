"""Triangles, diagonals and products of the last two axes, and products along any axes."""

from string import ascii_letters
from typing import Any

import numpy as np

from horngate.zoo.convert.contraction import contract
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.operations.operands import promoted, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation


@converts_operation("Tril", "Triu")
def triangle(graph: Graph, operation: Any, x: Value) -> Value:
    """The part of each matrix below, or above, a diagonal; zeros elsewhere."""
    x = graph.plain(x)
    if x.rank < 3:
        raise Refused("a triangle of the whole batch")
    upper = int(type(operation).__name__ == "Triu")
    if x.dtype not in ("bool", "float16", "bfloat16"):
        return graph.op("Trilu", x, graph.constant(np.asarray(operation.k, np.int64)), upper=upper)
    wide = graph.cast(x, "int32" if x.dtype == "bool" else "float32")
    kept = graph.op("Trilu", wide, graph.constant(np.asarray(operation.k, np.int64)), upper=upper)
    return graph.cast(kept, x.dtype)


@converts_operation("Diagonal", "Trace")
def diagonal(graph: Graph, operation: Any, x: Value) -> Value:
    """What lies on a diagonal of two axes, at the end; or its sum."""
    x = graph.plain(x)
    first, second = whole_axis(x, operation.axis1), whole_axis(x, operation.axis2)
    rows, columns = x.shape[first], x.shape[second]
    if rows is None or columns is None:
        raise Refused(f"a diagonal of free sizes {x.shape}")
    places = [(row, row + operation.offset) for row in range(rows) if 0 <= row + operation.offset < columns]
    others = [axis for axis in range(x.rank) if axis not in (first, second)]
    perm = [*others, first, second]
    kept = tuple(x.shape[axis] for axis in others)
    turned = graph.op("Transpose", x, shape=(*kept, rows, columns), perm=perm)
    flat = graph.op("Reshape", turned, graph.ints(*[0] * len(others), -1), shape=(*kept, rows * columns))
    wanted = graph.ints(*(row * columns + column for row, column in places))
    found = graph.op("Gather", flat, wanted, shape=(*kept, len(places)), axis=len(others))
    if type(operation).__name__ == "Diagonal":
        return found
    found = graph.cast(found, "int32") if found.dtype in ("bool", "int8", "int16", "uint8") else found
    return graph.op("ReduceSum", found, graph.ints(len(others)), shape=kept, keepdims=0)


@converts_operation("Tensordot")
def tensordot(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """Some axes of either contracted; one operand is a constant, for rows do not meet other rows."""
    if isinstance(x1, Value) and isinstance(x2, Value):
        raise Refused("it multiplies every row with every other row")
    left, right = (graph.plain(one) for one in promoted(graph, x1, x2))
    if left.rank < 2 and right.rank < 2:
        raise Refused(f"a product of ranks {left.rank} and {right.rank}")
    first, second = _contracted(operation.axes, left.rank)
    if max([0, *second]) >= right.rank or max([0, *first]) >= left.rank:
        raise Refused(f"a product of ranks {left.rank} and {right.rank} along {operation.axes}")
    names = list(ascii_letters)
    a, b = names[: left.rank], names[left.rank : left.rank + right.rank]
    for one, other in zip(first, second, strict=True):
        b[other] = a[one]
    own = x1 if isinstance(x1, Value) else x2
    gone = first if own is x1 else second
    if 0 in [axis % own.rank for axis in gone]:
        raise Refused("it sums over the rows, which may belong to different requests")
    summed = {a[axis] for axis in first}
    result = "".join(one for one in [*a, *b] if one not in summed)
    return contract(graph, f"{''.join(a)},{''.join(b)}->{result}", [left, right])


@converts_operation("Cross")
def cross(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """The product of vectors in space, along the last axis."""
    settings = (operation.axisa, operation.axisb, operation.axisc)
    left, right = (graph.plain(one) for one in promoted(graph, x1, x2))
    if settings != (-1, -1, -1) or left.shape[-1] != 3 or right.shape[-1] != 3 or left.rank != right.rank:
        raise Refused(f"a cross product of shapes {left.shape} and {right.shape} along {settings}")

    def at(x: Value, order: list[int]) -> Value:
        return graph.op("Gather", x, graph.ints(*order), axis=x.rank - 1)

    ahead = graph.op("Mul", at(left, [1, 2, 0]), at(right, [2, 0, 1]))
    return graph.op("Sub", ahead, graph.op("Mul", at(left, [2, 0, 1]), at(right, [1, 2, 0])))


@converts_operation("Det")
def determinant(graph: Graph, operation: Any, x: Value) -> Value:
    """Of each square matrix."""
    x = graph.plain(x)
    if x.rank < 3:
        raise Refused("the determinant of the whole batch")
    return graph.op("Det", x, shape=x.shape[:-2])


@converts_operation("CDist")
def distances(graph: Graph, operation: Any, x1: Value, x2: Value) -> Value:
    """Each vector's distance from each other vector of its row."""
    left, right = (graph.plain(one) for one in promoted(graph, x1, x2))
    if left.rank != 3 or right.rank != 3:
        raise Refused(f"distances of shapes {left.shape} and {right.shape}")
    apart = graph.op("Unsqueeze", left, graph.ints(2), shape=(*left.shape[:2], 1, left.shape[2]))
    others = graph.op("Unsqueeze", right, graph.ints(1), shape=(right.shape[0], 1, *right.shape[1:]))
    shape = (*left.shape[:2], right.shape[1], left.shape[2])
    difference = graph.op("Sub", apart, others, shape=shape)
    squared = graph.op("ReduceSumSquare", difference, graph.ints(3), shape=shape[:3], keepdims=0)
    return graph.op("Sqrt", graph.op("Max", squared, scalar(graph, 0, squared)))


def _contracted(axes: Any, rank: int) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        return list(range(rank - axes, rank)), list(range(axes))
    first, second = ([one] if isinstance(one, int) else list(one) for one in axes)
    return [axis % rank for axis in first], second
