"""Other shapes, other orders, several tensors in one and one in several."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.merging import same_layout, stored_axis
from horngate.zoo.convert.operations.operands import as_value, promoted, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation

_START, _END = 2**31 - 1, -(2**31)


@converts_operation("Reshape")
def reshape(graph: Graph, operation: Any, x: Value) -> Value:
    """Another shape; at most one size is free."""
    target = [-1 if size is None else int(size) for size in operation.newshape]
    if target.count(-1) > 1 or 0 in target:
        raise Refused(f"a shape of {tuple(operation.newshape)} with several free sizes")
    if -1 not in target:
        raise Refused(f"a shape of {tuple(operation.newshape)} fixes the number of rows")
    shape = tuple(None if size == -1 else size for size in target)
    return graph.op("Reshape", graph.plain(x), graph.ints(*target), shape=shape)


@converts_operation("Transpose")
def transpose(graph: Graph, operation: Any, x: Value) -> Value:
    """The axes in another order."""
    axes = range(x.rank - 1, -1, -1) if operation.axes is None else operation.axes
    return permuted(graph, x, [axis % x.rank for axis in axes])


@converts_operation("Swapaxes")
def swap_axes(graph: Graph, operation: Any, x: Value) -> Value:
    """Two axes in each other's place."""
    axes = list(range(x.rank))
    first, second = operation.axis1 % x.rank, operation.axis2 % x.rank
    axes[first], axes[second] = second, first
    return permuted(graph, x, axes)


@converts_operation("Moveaxis")
def move_axis(graph: Graph, operation: Any, x: Value) -> Value:
    """Some axes in another place, the others in order."""
    order = np.moveaxis(np.zeros([*range(1, x.rank + 1)]), operation.source, operation.destination).shape
    return permuted(graph, x, [size - 1 for size in order])


@converts_operation("ExpandDims")
def expand(graph: Graph, operation: Any, x: Value) -> Value:
    """New axes of size one."""
    x = graph.plain(x)
    axes = np.atleast_1d(operation.axis)
    rank = x.rank + len(axes)
    places = sorted(int(axis) % rank for axis in axes)
    shape = list(x.shape)
    for place in places:
        shape.insert(place, 1)
    return graph.op("Unsqueeze", x, graph.ints(*places), shape=tuple(shape))


@converts_operation("Squeeze")
def squeeze(graph: Graph, operation: Any, x: Value) -> Value:
    """Axes of size one taken away."""
    x = graph.plain(x)
    found = [axis for axis, size in enumerate(x.shape) if size == 1 and axis]
    axes = found if operation.axis is None else [whole_axis(x, int(a)) for a in np.atleast_1d(operation.axis)]
    shape = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return graph.op("Squeeze", x, graph.ints(*axes), shape=shape)


@converts_operation("Flip")
def flip(graph: Graph, operation: Any, x: Value) -> Value:
    """Axes in the opposite order."""
    if operation.axis is None:
        raise Refused("it turns the rows round, which may belong to different requests")
    x = graph.plain(x)
    axes = [whole_axis(x, int(axis)) for axis in np.atleast_1d(operation.axis)]
    count = len(axes)
    starts, ends, steps = [_START] * count, [_END] * count, [-1] * count
    return graph.op("Slice", x, graph.ints(*starts), graph.ints(*ends), graph.ints(*axes), graph.ints(*steps))


@converts_operation("Concatenate")
def concatenate(graph: Graph, operation: Any, xs: Sequence[Any]) -> Value:
    """End to end along one axis."""
    values = same_layout(graph, [as_value(graph, one, one.dtype) for one in promoted(graph, *xs)])
    axis = whole_axis(values[0], operation.axis)
    sizes = [one.shape[axis] for one in values]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    shape = (*values[0].shape[:axis], total, *values[0].shape[axis + 1 :])
    return graph.op("Concat", *values, shape=shape, axis=stored_axis(values[0], axis))


@converts_operation("Stack")
def stack(graph: Graph, operation: Any, xs: Sequence[Any]) -> Value:
    """Side by side along a new axis."""
    values = [graph.plain(one) for one in promoted(graph, *xs)]
    axis = operation.axis % (values[0].rank + 1)
    if axis == 0:
        raise Refused("it puts an axis before the rows")
    shape = (*values[0].shape[:axis], 1, *values[0].shape[axis:])
    apart = [graph.op("Unsqueeze", one, graph.ints(axis), shape=shape) for one in values]
    return graph.op("Concat", *apart, shape=(*shape[:axis], len(values), *shape[axis + 1 :]), axis=axis)


@converts_operation("Split")
def split(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """Pieces along one axis, as many as said or cut where said."""
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    size = x.shape[axis]
    if size is None:
        raise Refused("it splits a free axis")
    parts = operation.indices_or_sections
    if isinstance(parts, int):
        sizes = [size // parts] * parts
    else:
        cuts = [0, *(int(cut) for cut in parts), size]
        sizes = [after - before for before, after in pairwise(cuts)]
    pieces = graph.ops("Split", [x, graph.ints(*sizes)], outputs=len(sizes), axis=axis)
    shaped = [(*x.shape[:axis], one, *x.shape[axis + 1 :]) for one in sizes]
    return [_shaped(piece, shape) for piece, shape in zip(pieces, shaped, strict=True)]


@converts_operation("Unstack")
def unstack(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """One tensor for each position of an axis."""
    x = graph.plain(x)
    axis = whole_axis(x, operation.axis)
    size = x.shape[axis]
    if size is None:
        raise Refused("it takes a free axis apart")
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    places = [graph.constant(np.asarray(place, np.int64)) for place in range(size)]
    return [graph.op("Gather", x, place, shape=shape, axis=axis) for place in places]


@converts_operation("Tile")
def tile(graph: Graph, operation: Any, x: Value) -> Value:
    """The whole tensor several times along each axis."""
    x = graph.plain(x)
    repeats = [int(one) for one in np.atleast_1d(operation.repeats)]
    if len(repeats) > x.rank or (len(repeats) == x.rank and repeats[0] != 1):
        raise Refused(f"it repeats rows {operation.repeats} times")
    repeats = [1] * (x.rank - len(repeats)) + repeats
    pairs = zip(x.shape, repeats, strict=True)
    shape = tuple(None if size is None else size * times for size, times in pairs)
    return graph.op("Tile", x, graph.ints(*repeats), shape=shape)


@converts_operation("Repeat")
def repeat(graph: Graph, operation: Any, x: Value) -> Value:
    """Each position of an axis several times in a row."""
    x = graph.plain(x)
    if operation.axis is None or not isinstance(operation.repeats, int):
        raise Refused(f"it repeats {operation.repeats} times along axis {operation.axis}")
    axis = whole_axis(x, operation.axis)
    size = x.shape[axis]
    if size is None:
        raise Refused("it repeats a free axis")
    places = graph.ints(*np.repeat(np.arange(size), operation.repeats).tolist())
    shape = (*x.shape[:axis], size * operation.repeats, *x.shape[axis + 1 :])
    return graph.op("Gather", x, places, shape=shape, axis=axis)


@converts_operation("Pad")
def pad(graph: Graph, operation: Any, x: Value, constant_values: Any = None) -> Value:
    """Values around each axis."""
    x = graph.plain(x)
    modes = {"constant": "constant", "reflect": "reflect", "edge": "edge"}
    if operation.mode not in modes:
        raise Refused(f"{operation.mode} padding")
    widths = np.broadcast_to(np.asarray(operation.pad_width), (x.rank, 2))
    if widths[0].any():
        raise Refused("it adds rows")
    pairs = zip(x.shape, widths.sum(axis=1).tolist(), strict=True)
    shape = tuple(None if size is None else size + more for size, more in pairs)
    filled = [] if constant_values is None else [as_value(graph, constant_values, x.dtype)]
    return graph.op(
        "Pad", x, graph.ints(*widths.T.ravel().tolist()), *filled, shape=shape, mode=modes[operation.mode]
    )


def permuted(graph: Graph, x: Value, axes: Sequence[int]) -> Value:
    """The axes in this order."""
    x = graph.plain(x)
    return graph.op("Transpose", x, shape=tuple(x.shape[axis] for axis in axes), perm=list(axes))


def _shaped(x: Value, shape: tuple[int | None, ...]) -> Value:
    return Value(name=x.name, shape=shape, dtype=x.dtype)
