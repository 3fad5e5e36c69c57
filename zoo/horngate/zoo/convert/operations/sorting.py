"""Orders and running sums along an axis."""

from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation


@converts_operation("TopK")
def top_k(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """The largest k of the last axis, and where they are."""
    x = graph.plain(x)
    axis = whole_axis(x, -1)
    shape = (*x.shape[:-1], int(operation.k))
    values, places = graph.ops(
        "TopK", [x, graph.ints(int(operation.k))], outputs=2, shape=shape, axis=axis, sorted=1
    )
    return [values, graph.cast(_of(places, "int64"), "int32")]


@converts_operation("Sort")
def sort(graph: Graph, operation: Any, x: Value) -> Value:
    """An axis in rising order."""
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    size = x.shape[axis]
    if size is None:
        raise Refused("it sorts a free axis")
    return graph.ops("TopK", [x, graph.ints(size)], outputs=2, axis=axis, largest=0, sorted=1)[0]


@converts_operation("Cumsum")
def cumulative_sum(graph: Graph, operation: Any, x: Value) -> Value:
    """The sums so far along an axis."""
    x = graph.plain(x)
    if operation.axis is None or operation.dtype is not None or x.dtype == "bool":
        raise Refused(f"a running sum of {x.dtype} along axis {operation.axis}")
    return graph.op("CumSum", x, graph.constant(np.asarray(whole_axis(x, operation.axis), np.int64)))


def _of(x: Value, dtype: str) -> Value:
    return Value(name=x.name, shape=x.shape, dtype=dtype)
