"""Orders and running sums along an axis."""

from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.operations.operands import floating, promoted, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation
from horngate.zoo.convert.weights import as_numpy


@converts_operation("TopK")
def top_k(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """The largest k of the last axis, and where they are."""
    if not operation.sorted:
        raise Refused("the largest in no order, which every engine has another of")
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
    if x.dtype == "bool":
        raise Refused("it sorts booleans")
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    return graph.ops("TopK", [x, length(graph, x, axis)], outputs=2, axis=axis, largest=0, sorted=1)[0]


@converts_operation("Argsort")
def argsort(graph: Graph, operation: Any, x: Value) -> Value:
    """The places that would bring an axis in rising order; equal ones stay in order."""
    if operation.axis is None:
        raise Refused("it sorts the whole batch")
    if x.dtype == "bool":
        raise Refused("it sorts booleans")
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    _, places = graph.ops("TopK", [x, length(graph, x, axis)], outputs=2, axis=axis, largest=0, sorted=1)
    return graph.cast(_of(places, "int64"), "int32")


@converts_operation("Median", "Quantile", "Percentile")
def quantile(graph: Graph, operation: Any, x: Value, q: Any = None) -> Value:
    """What this share of an axis's elements lies below, between the two nearest."""
    kind = type(operation).__name__
    (x,) = floating(graph, graph.plain(x))
    axes = [] if operation.axis is None else np.atleast_1d(operation.axis).tolist()
    if len(axes) != 1 or getattr(operation, "method", "linear") != "linear":
        raise Refused(f"a {kind.lower()} along {operation.axis}, by {getattr(operation, 'method', 'linear')}")
    axis = whole_axis(x, axes[0])
    size = x.shape[axis]
    share = 0.5 if kind == "Median" else _share(q, 100 if kind == "Percentile" else 1)
    if size is None:
        raise Refused("it ranks a free axis")
    ranked, _ = graph.ops("TopK", [x, graph.ints(size)], outputs=2, axis=axis, largest=0, sorted=1)
    place = share * (size - 1)
    below = int(np.floor(place))
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    low, high = (
        graph.op("Gather", ranked, graph.ints(at), shape=shape, axis=axis)
        for at in (below, min(below + 1, size - 1))
    )
    part = scalar(graph, place - below, x)
    between = graph.op("Add", low, graph.op("Mul", graph.op("Sub", high, low), part))
    none = graph.cast(graph.op("IsNaN", x, dtype="bool"), x.dtype)
    found = graph.op("ReduceMax", none, graph.ints(axis), shape=shape)
    strange = graph.op("Greater", found, scalar(graph, 0, x), dtype="bool")
    value = graph.op("Where", strange, scalar(graph, np.nan, x), between, shape=shape, dtype=x.dtype)
    if operation.keepdims:
        return value
    return graph.op("Squeeze", value, graph.ints(axis), shape=(*x.shape[:axis], *x.shape[axis + 1 :]))


@converts_operation("SearchSorted", "Digitize")
def ranked_among(graph: Graph, operation: Any, first: Any, second: Any) -> Value:
    """How many of a constant's rising numbers are below a value, or below and at it."""
    is_bins = type(operation).__name__ == "Digitize"
    x, bounds = (first, second) if is_bins else (second, first)
    if isinstance(bounds, Value) or not isinstance(x, Value):
        raise Refused("it ranks among numbers that are computed")
    left, right = promoted(graph, x, as_numpy(bounds))
    kind = "GreaterOrEqual" if is_bins or operation.side == "right" else "Greater"
    apart = graph.op("Unsqueeze", graph.plain(left), graph.ints(left.rank), shape=(*left.shape, 1))
    beyond = graph.op(kind, apart, right, shape=(*left.shape, right.shape[0]), dtype="bool")
    count = graph.cast(beyond, "int32")
    return graph.op("ReduceSum", count, graph.ints(left.rank), shape=left.shape, keepdims=0)


@converts_operation("InTopK")
def in_top_k(graph: Graph, operation: Any, targets: Value, predictions: Value) -> Value:
    """Whether fewer than k classes are more probable than the one that is right."""
    index = graph.op("Unsqueeze", graph.cast(targets, "int64"), graph.ints(1), shape=(targets.shape[0], 1))
    own = graph.op("GatherElements", predictions, index, shape=(targets.shape[0], 1), axis=1)
    better = graph.cast(graph.op("Greater", predictions, own, dtype="bool"), "int32")
    count = graph.op("ReduceSum", better, graph.ints(1), shape=targets.shape, keepdims=0)
    return graph.op("Less", count, graph.constant(np.asarray(operation.k), dtype="int32"), dtype="bool")


@converts_operation("Cumsum")
def cumulative_sum(graph: Graph, operation: Any, x: Value) -> Value:
    """The sums so far along an axis."""
    x = graph.plain(x)
    if operation.axis is None or operation.dtype is not None or x.dtype == "bool":
        raise Refused(f"a running sum of {x.dtype} along axis {operation.axis}")
    return graph.op("CumSum", x, graph.constant(np.asarray(whole_axis(x, operation.axis), np.int64)))


def length(graph: Graph, x: Value, axis: int) -> Value:
    """The size of an axis as ONNX takes it, known or not."""
    size = x.shape[axis]
    if size is not None:
        return graph.ints(size)
    return graph.op("Shape", x, shape=(1,), dtype="int64", start=axis, end=axis + 1)


def _share(q: Any, whole: float) -> float:
    if isinstance(q, Value) or np.ndim(as_numpy(q)) > 0:
        raise Refused("several shares, or one that is computed")
    return float(as_numpy(q)) / whole


def _of(x: Value, dtype: str) -> Value:
    return Value(name=x.name, shape=x.shape, dtype=dtype)
