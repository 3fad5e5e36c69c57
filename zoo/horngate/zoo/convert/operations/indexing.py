"""Parts of tensors: slices, and positions taken by number."""

from types import EllipsisType
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import as_value, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation

_FAR = 2**31 - 1


@converts_operation("GetItem")
def get_item(graph: Graph, operation: Any, x: Value, key: Any) -> Value:
    """`x[key]` with numbers, slices, `None` and `...`."""
    x = graph.plain(x)
    keys = _spelled_out(key if isinstance(key, tuple) else (key,), x.rank)
    each = [one for one in keys if one is not None]
    x = _picked(graph, _sliced(graph, x, each), each)
    return _with_new_axes(graph, x, [one for one in keys if one is None or isinstance(one, slice)])


@converts_operation("Slice")
def cut_out(graph: Graph, operation: Any, x: Value, start_indices: Any, shape: Any = None) -> Value:
    """A box of the tensor, all rows of it."""
    sizes = operation.shape if shape is None else shape
    if isinstance(start_indices, Value) or any(isinstance(one, Value) for one in start_indices):
        raise Refused("it begins where a tensor says")
    begin = [int(one) for one in start_indices]
    if begin[0] != 0 or (sizes[0] is not None and sizes[0] != -1):
        raise Refused("it takes some of the rows, which may belong to different requests")
    keys = [slice(None), *(slice(b, b + int(size)) for b, size in zip(begin[1:], sizes[1:], strict=True))]
    return _sliced(graph, graph.plain(x), keys)


@converts_operation("MultiHot")
def multi_hot(graph: Graph, operation: Any, inputs: Value) -> Value:
    """A vector with ones at the places of all numbers of a row."""
    if operation.sparse or inputs.rank < 2 or operation.axis not in (-1, inputs.rank - 1):
        raise Refused(f"a sparse tensor, or axis {operation.axis} of rank {inputs.rank}")
    hot = _hot(graph, graph.plain(inputs), int(operation.num_classes), operation.dtype)
    return graph.op("ReduceMax", hot, graph.ints(1), shape=(hot.shape[0], *hot.shape[2:]), keepdims=0)


@converts_operation("Take")
def take(graph: Graph, operation: Any, x: Any, indices: Any) -> Value:
    """Positions of one axis, by number. Negative ones count from the end."""
    table = graph.plain(as_value(graph, x))
    wanted = graph.plain(as_value(graph, indices))
    if operation.axis is None:
        raise Refused("it takes from the whole batch")
    axis = operation.axis % table.rank
    if isinstance(x, Value):
        axis = whole_axis(table, operation.axis)
        if isinstance(indices, Value):
            raise Refused("each row takes from every other row's positions")
    shape = (*table.shape[:axis], *wanted.shape, *table.shape[axis + 1 :])
    wanted = wanted if wanted.dtype in ("int32", "int64") else graph.cast(wanted, "int64")
    return graph.op("Gather", table, wanted, shape=shape, axis=axis)


@converts_operation("TakeAlongAxis")
def take_along(graph: Graph, operation: Any, x: Value, indices: Any) -> Value:
    """Positions of one axis, each row by its own numbers."""
    x, wanted = graph.plain(x), graph.plain(as_value(graph, indices, "int64"))
    if operation.axis is None or x.rank != wanted.rank:
        raise Refused("it takes from the whole batch")
    axis = whole_axis(x, operation.axis)
    others = [place for place in range(x.rank) if place != axis]
    if any(x.shape[place] != wanted.shape[place] for place in others):
        raise Refused("its operands are of different shapes")
    return graph.op("GatherElements", x, wanted, shape=wanted.shape, axis=axis)


@converts_operation("OneHot")
def one_hot(graph: Graph, operation: Any, x: Value) -> Value:
    """A vector with a one at each number's place, zeros where there is no such place."""
    if operation.sparse:
        raise Refused("a sparse tensor")
    x = graph.plain(x)
    count = int(operation.num_classes)
    axis = operation.axis % (x.rank + 1)
    hot = _hot(graph, x, count, operation.dtype or "float32")
    if axis == x.rank:
        return hot
    order = [*range(axis), x.rank, *range(axis, x.rank)]
    return graph.op("Transpose", hot, shape=tuple(hot.shape[one] for one in order), perm=order)


def _hot(graph: Graph, x: Value, count: int, dtype: str) -> Value:
    numbers = graph.constant(np.arange(count), dtype="int64")
    apart = graph.op("Unsqueeze", graph.cast(x, "int64"), graph.ints(x.rank), shape=(*x.shape, 1))
    return graph.cast(graph.op("Equal", apart, numbers, shape=(*x.shape, count), dtype="bool"), dtype)


def _spelled_out(keys: tuple[Any, ...], rank: int) -> list[Any]:
    """One key an axis, `None` for each new axis, no `...`."""
    for one in keys:
        if not (one is None or isinstance(one, int | slice | EllipsisType)):
            raise Refused(f"an index of {type(one).__name__}")
    given = sum(one is not None and one is not Ellipsis for one in keys)
    whole = [slice(None)] * (rank - given)
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        return [*keys[:place], *whole, *keys[place + 1 :]]
    return [*keys, *whole]


def _sliced(graph: Graph, x: Value, keys: list[Any]) -> Value:
    """Every axis cut to its slice."""
    if keys[0] != slice(None):
        raise Refused("it takes some of the rows, which may belong to different requests")
    cuts = [(axis, one) for axis, one in enumerate(keys) if isinstance(one, slice) and one != slice(None)]
    if not cuts:
        return x
    bounds = [(axis, *_bounds(one)) for axis, one in cuts]
    axes, starts, ends, steps = (graph.ints(*column) for column in zip(*bounds, strict=True))
    shape = list(x.shape)
    for axis, one in cuts:
        size = x.shape[axis]
        shape[axis] = None if size is None else len(range(size)[one])
    return graph.op("Slice", x, starts, ends, axes, steps, shape=tuple(shape))


def _picked(graph: Graph, x: Value, keys: list[Any]) -> Value:
    """One position of every axis that has a number, and the axis gone. OpenVINO confuses slices with squeezes."""
    for axis, one in reversed(list(enumerate(keys))):
        if isinstance(one, int):
            number = graph.constant(np.asarray(one, dtype=np.int64))
            x = graph.op("Gather", x, number, shape=(*x.shape[:axis], *x.shape[axis + 1 :]), axis=axis)
    return x


def _bounds(key: slice) -> tuple[int, int, int]:
    step = 1 if key.step is None else int(key.step)
    start = (0 if step > 0 else _FAR) if key.start is None else int(key.start)
    stop = (_FAR if step > 0 else -_FAR - 1) if key.stop is None else int(key.stop)
    return start, stop, step


def _with_new_axes(graph: Graph, x: Value, keys: list[Any]) -> Value:
    places = [place for place, one in enumerate(keys) if one is None]
    if not places:
        return x
    shape = list(x.shape)
    for place in places:
        shape.insert(place, 1)
    return graph.op("Unsqueeze", x, graph.ints(*places), shape=tuple(shape))
