"""Sums, means and the like along axes of each row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import as_value, floating, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation

_REDUCTIONS = {
    "Sum": "ReduceSum",
    "Prod": "ReduceProd",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Amax": "ReduceMax",
    "Amin": "ReduceMin",
}
_WHOLE = ("int32", "int64")
_SUMMED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


@converts_operation(*_REDUCTIONS)
def reduction(graph: Graph, operation: Any, x: Value, **ignored: Any) -> Value:
    """Sum, product, largest or smallest along axes."""
    kind = type(operation).__name__
    wanted = getattr(operation, "dtype", None)
    if kind in ("Sum", "Prod"):
        x = graph.cast(x, wanted or _summed(x.dtype))
    if x.dtype == "bool":
        raise Refused(f"the {kind.lower()} of booleans")
    result = _reduced(graph, _REDUCTIONS[kind], x, operation)
    initial = getattr(operation, "initial", None)
    if initial is None:
        return result
    return graph.op(kind, result, as_value(graph, initial, x.dtype), shape=result.shape)


@converts_operation("CountNonzero")
def count(graph: Graph, operation: Any, x: Value) -> Value:
    """How many elements are not zero."""
    ones = graph.cast(graph.cast(x, "bool"), "int32")
    return reduce(graph, "ReduceSum", ones, operation.axis, keepdims=False)


@converts_operation("Ptp")
def spread_of(graph: Graph, operation: Any, x: Value) -> Value:
    """The largest less the smallest."""
    if x.dtype == "bool":
        raise Refused("the spread of booleans")
    ends = [
        reduce(graph, kind, x, operation.axis, keepdims=operation.keepdims)
        for kind in ("ReduceMax", "ReduceMin")
    ]
    return graph.op("Sub", *ends)


@converts_operation("Average")
def average(graph: Graph, operation: Any, x: Value, weights: Any = None) -> Value:
    """The mean, each element counting as much as its weight says."""
    if weights is None:
        (x,) = floating(graph, x)
        return reduce(graph, "ReduceMean", x, operation.axis, keepdims=False)
    x, by = floating(graph, graph.plain(x), weights)
    if operation.axis is None or by.rank != 1:
        raise Refused(f"weights of rank {by.rank} along axis {operation.axis}")
    axis = whole_axis(x, operation.axis)
    across = [1] * x.rank
    across[axis] = -1
    by = graph.op(
        "Reshape", by, graph.ints(*across), shape=tuple(by.shape[0] if n == -1 else n for n in across)
    )
    total = reduce(graph, "ReduceSum", graph.op("Mul", x, by), axis, keepdims=False)
    whole = graph.op("ReduceSum", by, shape=(), keepdims=0)
    return graph.op("Div", total, whole)


@converts_operation("Mean")
def mean(graph: Graph, operation: Any, x: Value) -> Value:
    """The mean along axes."""
    (x,) = floating(graph, x)
    return reduce(graph, "ReduceMean", x, operation.axis, keepdims=operation.keepdims)


@converts_operation("Var", "Std")
def spread(graph: Graph, operation: Any, x: Value) -> Value:
    """The variance or its root, about the mean along the same axes."""
    (x,) = floating(graph, x)
    centred = graph.op("Sub", x, reduce(graph, "ReduceMean", x, operation.axis, keepdims=True))
    square = graph.op("Mul", centred, centred)
    variance = reduce(graph, "ReduceMean", square, operation.axis, keepdims=operation.keepdims)
    return graph.op("Sqrt", variance) if type(operation).__name__ == "Std" else variance


@converts_operation("Logsumexp")
def logsumexp(graph: Graph, operation: Any, x: Value) -> Value:
    """The logarithm of the sum of exponentials."""
    (x,) = floating(graph, x)
    return reduce(graph, "ReduceLogSumExp", x, operation.axis, keepdims=operation.keepdims)


@converts_operation("Any", "All")
def quantifier(graph: Graph, operation: Any, x: Value) -> Value:
    """Whether some, or every, element along the axes is true."""
    kind = "ReduceMax" if type(operation).__name__ == "Any" else "ReduceMin"
    counts = graph.cast(graph.cast(x, "bool"), "int32")
    return graph.cast(reduce(graph, kind, counts, operation.axis, keepdims=operation.keepdims), "bool")


@converts_operation("Argmax", "Argmin")
def position(graph: Graph, operation: Any, x: Value) -> Value:
    """Where the largest or smallest is, the first of several."""
    if operation.axis is None:
        raise Refused("a position in the whole batch")
    if x.dtype == "bool":
        raise Refused("a position among booleans")
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    kind = {"Argmax": "ArgMax", "Argmin": "ArgMin"}[type(operation).__name__]
    found = graph.op(
        kind,
        x,
        shape=reduced_shape(x, [axis], operation.keepdims),
        dtype="int64",
        axis=axis,
        keepdims=int(operation.keepdims),
    )
    return graph.cast(found, "int32")


@converts_operation("Norm")
def norm(graph: Graph, operation: Any, x: Value) -> Value:
    """The length along one axis, in one of the ways to measure it."""
    order = "fro" if operation.ord in (None, "euclidean") else operation.ord
    one = operation.axis is not None and _is_one(operation.axis)
    (x,) = floating(graph, x)
    if order == "fro" or (order == 2 and one):
        return reduce(graph, "ReduceL2", x, operation.axis, keepdims=operation.keepdims)
    if not one or order not in (1, np.inf, -np.inf):
        raise Refused(f"a norm of order {operation.ord} along {operation.axis}")
    kind = {1: "ReduceL1", np.inf: "ReduceMax", -np.inf: "ReduceMin"}[order]
    return reduce(graph, kind, graph.op("Abs", x), operation.axis, keepdims=operation.keepdims)


def _reduced(graph: Graph, kind: str, x: Value, operation: Any) -> Value:
    """In int64 where engines sum no smaller integers."""
    wide = kind in ("ReduceSum", "ReduceProd") and x.dtype not in _WHOLE and not x.dtype.startswith("float")
    made = graph.cast(x, "int64") if wide else x
    made = reduce(graph, kind, made, operation.axis, keepdims=operation.keepdims)
    return graph.cast(made, x.dtype)


def _summed(dtype: str) -> str:
    """The dtype that Keras sums a dtype in."""
    return _SUMMED.get(dtype, dtype)


def reduce(graph: Graph, kind: str, x: Value, axis: Any, *, keepdims: bool) -> Value:
    """One Reduce node along axes of each row."""
    x = graph.plain(x)
    if axis is None:
        raise Refused("it works across the rows, which may belong to different requests")
    axes = [whole_axis(x, int(one)) for one in np.atleast_1d(axis)]
    if not axes:
        return x
    shape = reduced_shape(x, axes, keepdims)
    return graph.op(kind, x, graph.ints(*axes), shape=shape, keepdims=int(keepdims))


def reduced_shape(x: Value, axes: Sequence[int], keepdims: bool) -> tuple[int | None, ...]:
    """The shape after a reduction."""
    if keepdims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def _is_one(axis: Any) -> bool:
    return bool(np.size(axis) == 1)
