"""Comparisons, logic and choice."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.zoo.convert.broadcasting import broadcast
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import as_value, binary, floating, promoted, result_dtype
from horngate.zoo.convert.registry import Refused, converts_operation

_COMPARISONS = {
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
}
_LOGIC = {"LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor"}


@converts_operation(*_COMPARISONS)
def compare(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """True where the comparison holds."""
    kind = _COMPARISONS[type(operation).__name__]
    left, right = promoted(graph, x1, x2)
    if left.dtype == "bool" and kind != "Equal":
        left, right = promoted(graph, left, right, to="int32")
    return binary(graph, _COMPARISONS[type(operation).__name__], left, right, dtype="bool")


@converts_operation("NotEqual")
def differ(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """True where the operands differ."""
    left, right = promoted(graph, x1, x2)
    return graph.op("Not", binary(graph, "Equal", left, right, dtype="bool"))


@converts_operation(*_LOGIC)
def logic(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """Logic of booleans; what is not zero is true."""
    left, right = promoted(graph, x1, x2, to="bool")
    return binary(graph, _LOGIC[type(operation).__name__], left, right)


@converts_operation("LogicalNot")
def negate(graph: Graph, operation: Any, x: Value) -> Value:
    """True where the operand is not."""
    return graph.op("Not", graph.cast(x, "bool"))


@converts_operation("Isnan")
def is_nan(graph: Graph, operation: Any, x: Value) -> Value:
    """True where the operand is not a number."""
    return graph.op("IsNaN", *floating(graph, x), dtype="bool")


@converts_operation("Isinf")
def is_infinite(graph: Graph, operation: Any, x: Value) -> Value:
    """True where the operand is infinite."""
    return graph.op("IsInf", *floating(graph, x), dtype="bool")


@converts_operation("Where")
def choose(graph: Graph, operation: Any, condition: Any, x1: Any = None, x2: Any = None) -> Value:
    """One operand where the condition holds, the other elsewhere."""
    if x1 is None or x2 is None:
        raise Refused("it lists the places where a condition holds, of which every row has another number")
    dtype = result_dtype(x1, x2)
    which = graph.plain(as_value(graph, condition, "bool"))
    left, right = (graph.plain(as_value(graph, one, dtype)) for one in (x1, x2))
    shape = broadcast(which, left)
    return graph.op("Where", which, left, right, shape=_widest(shape, right), dtype=dtype)


@converts_operation("Select")
def select(
    graph: Graph, operation: Any, condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0
) -> Value:
    """The choice of the first condition that holds."""
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = choose(graph, operation, condition, choice, chosen)
    return chosen if isinstance(chosen, Value) else as_value(graph, chosen)


@converts_operation("IsIn")
def is_in(graph: Graph, operation: Any, x1: Value, x2: Any) -> Value:
    """Whether each element is one of a constant's."""
    if isinstance(x2, Value):
        raise Refused("it looks for elements among computed ones")
    x, others = promoted(graph, x1, np.asarray(x2).ravel())
    x = graph.plain(x)
    apart = graph.op("Unsqueeze", x, graph.ints(x.rank), shape=(*x.shape, 1))
    same = graph.op("Equal", apart, others, shape=(*x.shape, others.shape[0]), dtype="bool")
    found = graph.op("ReduceMax", graph.cast(same, "int32"), graph.ints(x.rank), shape=x.shape, keepdims=0)
    found = graph.cast(found, "bool")
    return graph.op("Not", found) if operation.invert else found


def _widest(shape: tuple[int | None, ...], right: Value) -> tuple[int | None, ...]:
    return broadcast(Value(name="", shape=shape, dtype="bool"), right)
