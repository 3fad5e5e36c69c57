"""Layers that make one tensor of several."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.broadcasting import broadcast
from horngate.zoo.convert.contraction import contract
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.masked_merging import merge_unmasked
from horngate.zoo.convert.registry import Refused, converts, masks

_MERGES = {
    keras.layers.Add: "Add",
    keras.layers.Multiply: "Mul",
    keras.layers.Maximum: "Max",
    keras.layers.Minimum: "Min",
    keras.layers.Subtract: "Sub",
}
_SKIP_MASKED = (keras.layers.Multiply, keras.layers.Maximum, keras.layers.Minimum)


@converts(*_MERGES)
def merge(graph: Graph, layer: Any, inputs: Sequence[Value]) -> Value:
    """Element by element, one after the other as Keras does."""
    kind = _MERGES[type(layer)]
    values = alike(graph, inputs)
    if isinstance(layer, _SKIP_MASKED) and any(x.mask is not None for x in values):
        return merge_unmasked(graph, kind, values)
    return _fold(graph, kind, values)


@converts(keras.layers.Average)
def average(graph: Graph, layer: Any, inputs: Sequence[Value]) -> Value:
    """The mean of the inputs, a float whatever they are."""
    total = _fold(graph, "Add", alike(graph, inputs))
    total = total if keras.backend.is_float_dtype(total.dtype) else graph.cast(total, layer.compute_dtype)
    return graph.op("Div", total, graph.constant(np.asarray(len(inputs)), dtype=total.dtype))


@converts(keras.layers.Concatenate)
def concatenate(graph: Graph, layer: Any, inputs: Sequence[Value]) -> Value:
    """End to end along one axis; channels that are stored second stay so."""
    values = same_layout(graph, [graph.cast(x, _common_dtype(inputs)) for x in inputs])
    axis = layer.axis % values[0].rank
    sizes = [x.shape[axis] for x in values]
    shape = list(values[0].shape)
    shape[axis] = None if None in sizes else sum(size for size in sizes if size is not None)
    return graph.op("Concat", *values, shape=tuple(shape), axis=stored_axis(values[0], axis))


@converts(keras.layers.Dot)
def dot(graph: Graph, layer: Any, inputs: Sequence[Value]) -> Value:
    """A product of rows, contracted along one axis of each."""
    x, y = (graph.plain(value) for value in inputs)
    axes = layer.axes if isinstance(layer.axes, list | tuple) else (layer.axes, layer.axes)
    x_axis, y_axis = axes[0] % x.rank, axes[1] % y.rank
    if x_axis == 0 or y_axis == 0:
        raise Refused(f"a product across the rows: axes {tuple(axes)}")
    if layer.normalize:
        x, y = _normalized(graph, x, x_axis), _normalized(graph, y, y_axis)
    if x.rank > 3 or y.rank > 3:
        return _contract_any(graph, x, x_axis, y, y_axis)
    return _contract(graph, x, x_axis, y, y_axis)


@masks(*_MERGES, keras.layers.Average)
def merged_mask(graph: Graph, layer: Any, inputs: Sequence[Value], mask: Any) -> Value | None:
    """A step counts if any input has it."""
    given = [one for one in mask or [] if one is not None]
    if not given or len(given) < len(inputs):
        return None
    return _any_of(graph, given)


@masks(keras.layers.Dot)
def no_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> None:
    """A product has no steps."""
    return


@masks(keras.layers.Concatenate)
def concatenated_mask(graph: Graph, layer: Any, inputs: Sequence[Value], mask: Any) -> Value | None:
    """Joined like the inputs: along the features a step counts if any input has it."""
    given = [one for one in mask or [] if one is not None]
    if not given:
        return None
    axis = layer.axis % inputs[0].rank
    if len(given) == len(inputs) and all(
        one.rank == x.rank - 1 for one, x in zip(given, inputs, strict=True)
    ):
        along = axis == inputs[0].rank - 1
        return _any_of(graph, given) if along else graph.op("Concat", *given, axis=axis)
    spread = [_spread(graph, one, x) for one, x in zip(mask, inputs, strict=True)]
    joined = graph.cast(graph.op("Concat", *spread, axis=axis), "int32")
    last = graph.ints(joined.rank - 1)
    return graph.cast(graph.op("ReduceMax", joined, last, shape=joined.shape[:-1], keepdims=0), "bool")


def _spread(graph: Graph, mask: Value | None, x: Value) -> Value:
    """A mask for every element of an input; true everywhere if there is none."""
    shape = graph.op("Shape", graph.plain(x), shape=(x.rank,), dtype="int64")
    if mask is None:
        return graph.op("Expand", graph.constant(True), shape, shape=x.shape)
    if mask.rank < x.rank:
        mask = graph.op("Unsqueeze", mask, graph.ints(mask.rank), shape=(*mask.shape, 1))
    return graph.op("Expand", mask, shape, shape=x.shape)


def _any_of(graph: Graph, masks_given: Sequence[Value]) -> Value:
    return reduce(lambda left, right: graph.op("Or", left, right), masks_given)


def same_layout(graph: Graph, values: Sequence[Value]) -> list[Value]:
    """All with their channels stored in the same place: second, if one of them has them there."""
    if any(x.moved for x in values) and len({x.rank for x in values}) == 1:
        return [graph.channels_second(x) for x in values]
    return [graph.plain(x) for x in values]


def stored_axis(x: Value, axis: int) -> int:
    """Where an axis of Keras's lies in the engine's tensor."""
    axis %= x.rank
    if not x.moved or axis == 0:
        return axis
    return 1 if axis == x.rank - 1 else axis + 1


def _common_dtype(values: Sequence[Value]) -> str:
    return str(keras.backend.result_type(*(x.dtype for x in values)))


def _fold(graph: Graph, kind: str, values: Sequence[Value]) -> Value:
    values = same_layout(graph, values)
    return reduce(lambda left, right: graph.op(kind, left, right, shape=broadcast(left, right)), values)


def alike(graph: Graph, inputs: Sequence[Value]) -> list[Value]:
    """All in one dtype and of one rank. As in Keras, what gets axes loses its mask."""
    dtype = _common_dtype(inputs)
    rank = max(x.rank for x in inputs)
    return [_of_rank(graph, graph.cast(x, dtype), rank) for x in inputs]


def _of_rank(graph: Graph, x: Value, rank: int) -> Value:
    """Lower ranks get axes after the rows, as in Keras."""
    missing = rank - x.rank
    if not missing:
        return x
    x = graph.plain(x)
    shape = (x.shape[0], *(1,) * missing, *x.shape[1:])
    return graph.op("Unsqueeze", x, graph.ints(*range(1, missing + 1)), shape=shape)


def _normalized(graph: Graph, x: Value, axis: int) -> Value:
    shape = tuple(1 if one == axis else size for one, size in enumerate(x.shape))
    square = graph.op("ReduceSumSquare", x, graph.ints(axis), shape=shape)
    least = graph.constant(np.asarray(keras.config.epsilon()), dtype=x.dtype)
    return graph.op("Div", x, graph.op("Max", graph.op("Sqrt", square), least))


def _contract_any(graph: Graph, x: Value, x_axis: int, y: Value, y_axis: int) -> Value:
    """Rows by rows, one axis of each contracted, the others of `x` before the others of `y`."""
    left = ["r", *"abcdefg"[: x.rank - 1]]
    right = ["r", *"tuvwxyz"[: y.rank - 1]]
    left[x_axis] = right[y_axis] = "k"
    rest = [one for one in (*left, *right[1:]) if one != "k"]
    return contract(graph, f"{''.join(left)},{''.join(right)}->{''.join(rest)}", [x, y])


def _contract(graph: Graph, x: Value, x_axis: int, y: Value, y_axis: int) -> Value:
    """(rows, i, k) by (rows, k, j), each axis brought to its place, missing ones added and taken away."""
    left = graph.op("Unsqueeze", x, graph.ints(1), shape=(x.shape[0], 1, x.shape[1])) if x.rank == 2 else x
    left_axis = x_axis + (1 if x.rank == 2 else 0)
    right = graph.op("Unsqueeze", y, graph.ints(2), shape=(*y.shape, 1)) if y.rank == 2 else y
    left = graph.op("Transpose", left, perm=[0, 2, 1]) if left_axis == 1 else left
    right = graph.op("Transpose", right, perm=[0, 2, 1]) if y_axis == 2 else right
    product = graph.op("MatMul", left, right, shape=(x.shape[0], None, None))
    extra = [1] * (x.rank == 2 and y.rank == 3) + [2] * (y.rank == 2 and x.rank == 3)
    if x.rank == 2 and y.rank == 2:
        return graph.op("Squeeze", product, graph.ints(2), shape=(x.shape[0], 1))
    return graph.op("Squeeze", product, graph.ints(*extra), shape=(x.shape[0], None)) if extra else product
