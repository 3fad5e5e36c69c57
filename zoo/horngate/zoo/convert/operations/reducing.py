"""Sums, means and the like along axes of each row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import floating, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation

_REDUCTIONS = {
    "Sum": "ReduceSum",
    "Prod": "ReduceProd",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Amax": "ReduceMax",
    "Amin": "ReduceMin",
}
_SMALL = ("bool", "int8", "uint8", "int16", "uint16", "uint32")


@converts_operation(*_REDUCTIONS)
def reduction(graph: Graph, operation: Any, x: Value, **ignored: Any) -> Value:
    """Sum, product, largest or smallest along axes."""
    kind = type(operation).__name__
    if kind in ("Sum", "Prod") and x.dtype in _SMALL:
        raise Refused(f"a {kind.lower()} of {x.dtype}")
    if getattr(operation, "initial", None) is not None or getattr(operation, "dtype", None) is not None:
        raise Refused(f"{kind.lower()} with an initial value or a dtype")
    return reduce(graph, _REDUCTIONS[kind], x, operation.axis, keepdims=operation.keepdims)


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
    """The Euclidean length along one axis."""
    if operation.ord not in (None, 2, "euclidean") or operation.axis is None or not _is_one(operation.axis):
        raise Refused(f"a norm of order {operation.ord} along {operation.axis}")
    (x,) = floating(graph, x)
    return reduce(graph, "ReduceL2", x, operation.axis, keepdims=operation.keepdims)


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
