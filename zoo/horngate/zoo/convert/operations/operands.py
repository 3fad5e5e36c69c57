"""Operands as Keras takes them: tensors, numbers, arrays and variables, promoted to one dtype."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.broadcasting import broadcast
from horngate.zoo.convert.graph import MANY_ROWS, Graph, Value
from horngate.zoo.convert.layers.merging import same_layout
from horngate.zoo.convert.registry import Refused
from horngate.zoo.convert.weights import as_numpy


def promoted(graph: Graph, *operands: Any, to: str | None = None) -> list[Value]:
    """The operands as values of one dtype (Keras's promotion, or `to`) in one layout."""
    dtype = to or result_dtype(*operands)
    values = [as_value(graph, operand, dtype) for operand in operands]
    whole = [value for value in values if value.rank]
    placed = dict(zip(map(id, whole), same_layout(graph, whole), strict=True)) if whole else {}
    return [placed.get(id(value), value) for value in values]


def as_value(graph: Graph, operand: Any, dtype: str | None = None) -> Value:
    """One operand as a value, cast to `dtype` if it is given."""
    if isinstance(operand, Value):
        return operand if dtype is None else graph.cast(operand, dtype)
    if isinstance(operand, bool | int | float):
        if operand == MANY_ROWS and graph.rows is not None:
            raise Refused("it computes with the number of rows, which belong to different requests")
        return graph.constant(np.asarray(operand), dtype=dtype or result_dtype(operand))
    if operand is None or isinstance(operand, str):
        raise Refused(f"an operand is {operand!r}; expected a tensor or a number")
    array = np.asarray(operand) if isinstance(operand, list | tuple) else as_numpy(operand)
    if graph.rows is not None and array.ndim and array.shape[0] == MANY_ROWS:
        return graph.cast(graph.stretched(array), dtype or keras.backend.standardize_dtype(array.dtype))
    return graph.constant(array, dtype=dtype or keras.backend.standardize_dtype(array.dtype))


def result_dtype(*operands: Any) -> str:
    """The dtype that Keras promotes the operands to; plain numbers are weak."""
    return str(keras.backend.result_type(*(_dtype(operand) for operand in operands)))


def floating(graph: Graph, *operands: Any) -> list[Value]:
    """The operands promoted to a float dtype, as functions like exp take them."""
    return promoted(graph, *operands, to=str(keras.backend.result_type(*map(_dtype, operands), float)))


def binary(graph: Graph, kind: str, left: Value, right: Value, dtype: str | None = None) -> Value:
    """One element-wise node of two promoted operands."""
    leading = left if left.rank >= right.rank else right
    return graph.op(
        kind, left, right, shape=broadcast(left, right), dtype=dtype or left.dtype, moved=leading.moved
    )


def whole_axis(x: Value, axis: Any) -> int:
    """An axis counted from the front. Refused for the rows: they belong to different requests."""
    if not isinstance(axis, int) or not -x.rank <= axis < x.rank:
        raise Refused(f"axis {axis} of a tensor of rank {x.rank}")
    if axis % x.rank == 0:
        raise Refused("it works across the rows, which may belong to different requests")
    return axis % x.rank


def _dtype(operand: Any) -> Any:
    if isinstance(operand, bool | int | float):
        return type(operand)
    if isinstance(operand, Value):
        return operand.dtype
    if not hasattr(operand, "dtype"):
        operand = np.asarray(operand)
    return keras.backend.standardize_dtype(operand.dtype)
