"""Other shapes, other orders, several tensors in one and one in several."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import MANY_ROWS, Graph, Value
from horngate.zoo.convert.layers.merging import same_layout, stored_axis
from horngate.zoo.convert.operations.operands import as_value, promoted, whole_axis
from horngate.zoo.convert.registry import Refused, converts_operation

_START, _END = 2**31 - 1, -(2**31)


@converts_operation("Reshape")
def reshape(graph: Graph, operation: Any, x: Value) -> Value:
    """Another shape. A size that was a free one of a tensor's is None here: the rows, or the same axis's."""
    x = graph.plain(x)
    target = [-1 if size is None or _counts_rows(graph, size) else int(size) for size in operation.newshape]
    if 0 in target:
        raise Refused(f"a shape of {tuple(operation.newshape)} is empty")
    if -1 not in target:
        raise Refused(f"a shape of {tuple(operation.newshape)} fixes the number of rows")
    shape = tuple(None if size == -1 else size for size in target)
    if target.count(-1) > 1:
        target = _kept_axes(x, operation.newshape, target)
    return graph.op("Reshape", x, graph.ints(*target), shape=shape)


def _counts_rows(graph: Graph, size: int) -> bool:
    return graph.rows is not None and size % MANY_ROWS == 0


def _kept_axes(x: Value, wanted: Sequence[Any], target: list[int]) -> list[int]:
    """With several free sizes: those that are None stay what they are in the operand, from the first on."""
    kept = list(target)
    for axis, size in enumerate(wanted):
        if size in (None, MANY_ROWS) and axis < x.rank and x.shape[axis] is None and kept.count(-1) > 1:
            kept[axis] = 0
    if kept.count(-1) > 1:
        raise Refused(f"a shape of {tuple(wanted)} with several free sizes")
    return kept


@converts_operation("Rearrange")
def rearrange(graph: Graph, operation: Any, *tensors: Any, **settings: Any) -> Value:
    """Keras writes it as reshapes and transposes where it can be traced."""
    raise Refused("it rearranges by a pattern; write it as reshape and transpose")


@converts_operation("BroadcastTo")
def broadcast_to(graph: Graph, operation: Any, x: Value) -> Value:
    """More of the same along axes of size one."""
    x = graph.plain(x)
    sizes = [None if graph.rows is not None and size == MANY_ROWS else size for size in operation.shape]
    if len(sizes) != x.rank or (sizes[0] is not None and x.shape[0] is None):
        raise Refused(f"a shape of {tuple(sizes)} for {x.shape} fixes the number of rows")
    inside = [int(size) for size in sizes[1:] if size is not None]
    if len(inside) < len(sizes) - 1:
        raise Refused(f"a shape of {tuple(sizes)} with free sizes")
    return graph.op("Expand", x, graph.ints(1, *inside), shape=(x.shape[0], *inside))


@converts_operation("Roll")
def roll(graph: Graph, operation: Any, x: Value) -> Value:
    """An axis turned, what leaves at one end coming in at the other."""
    if operation.axis is None:
        raise Refused("it turns the rows, which may belong to different requests")
    x = graph.plain(x)
    shifts, axes = np.broadcast_arrays(np.atleast_1d(operation.shift), np.atleast_1d(operation.axis))
    for shift, axis in zip(shifts.tolist(), axes.tolist(), strict=True):
        x = _rolled(graph, x, int(shift), whole_axis(x, int(axis)))
    return x


def _rolled(graph: Graph, x: Value, shift: int, axis: int) -> Value:
    size = x.shape[axis]
    if size is None:
        raise Refused("it turns a free axis")
    order = np.roll(np.arange(size), shift).tolist()
    return graph.op("Gather", x, graph.ints(*order), axis=axis)


@converts_operation("Diff")
def difference(graph: Graph, operation: Any, a: Value) -> Value:
    """Each position less the one before it, n times over."""
    x = graph.plain(a)
    axis = whole_axis(x, operation.axis)
    if x.dtype == "bool":
        raise Refused("differences of booleans")
    for _ in range(operation.n):
        size = x.shape[axis]
        shape = (*x.shape[:axis], None if size is None else max(size - 1, 0), *x.shape[axis + 1 :])
        later, earlier = (
            graph.op("Slice", x, graph.ints(start), graph.ints(end), graph.ints(axis), shape=shape)
            for start, end in ((1, _START), (0, -1))
        )
        x = graph.op("Sub", later, earlier)
    return x


@converts_operation("Append")
def append(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """One after the other along an axis."""
    if operation.axis is None:
        raise Refused("it puts the rows behind one another")
    return joined(graph, [x1, x2], operation.axis)


@converts_operation("Hstack", "Dstack")
def stack_along(graph: Graph, operation: Any, xs: Sequence[Any]) -> Value:
    """One after the other along the second or third axis."""
    axis = 1 if type(operation).__name__ == "Hstack" else 2
    if any(len(one.shape) <= axis for one in xs):
        raise Refused(f"stacking of rank {len(xs[0].shape)}")
    return joined(graph, xs, axis)


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
    if operation.axis is None and x.shape[0] is None:
        raise Refused("it takes the rows away when there is just one")
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
    return joined(graph, xs, operation.axis)


def joined(graph: Graph, xs: Sequence[Any], along: int) -> Value:
    """The operands in one dtype, end to end along one axis of each row."""
    values = same_layout(graph, [as_value(graph, one, one.dtype) for one in promoted(graph, *xs)])
    axis = whole_axis(values[0], along)
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


@converts_operation("Split", "ArraySplit", "Hsplit", "Dsplit")
def split(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """Pieces along one axis, as many as said or cut where said."""
    x = graph.plain(x)
    axis = whole_axis(x, {"Hsplit": 1, "Dsplit": 2}.get(type(operation).__name__) or operation.axis)
    size = x.shape[axis]
    if size is None:
        raise Refused("it splits a free axis")
    parts = operation.indices_or_sections
    if isinstance(parts, int):
        sizes = [size // parts + (number < size % parts) for number in range(parts)]
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
    if operation.axis is None:
        raise Refused("it repeats the rows")
    axis = whole_axis(x, operation.axis)
    size = x.shape[axis]
    times = np.asarray(operation.repeats)
    if size is None:
        raise Refused("it repeats a free axis")
    order = np.repeat(np.arange(size), times).tolist()
    places = graph.ints(*order)
    shape = (*x.shape[:axis], len(order), *x.shape[axis + 1 :])
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
