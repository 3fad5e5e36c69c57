"""Comparisons, logic and choice."""

from typing import Any

from horngate.zoo.convert.broadcasting import broadcast
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.operations.operands import as_value, binary, promoted, result_dtype
from horngate.zoo.convert.registry import converts_operation

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
    left, right = promoted(graph, x1, x2)
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
    return graph.op("IsNaN", x, dtype="bool")


@converts_operation("Isinf")
def is_infinite(graph: Graph, operation: Any, x: Value) -> Value:
    """True where the operand is infinite."""
    return graph.op("IsInf", x, dtype="bool")


@converts_operation("Where")
def choose(graph: Graph, operation: Any, condition: Any, x1: Any, x2: Any) -> Value:
    """One operand where the condition holds, the other elsewhere."""
    dtype = result_dtype(x1, x2)
    which = graph.plain(as_value(graph, condition, "bool"))
    left, right = (graph.plain(as_value(graph, one, dtype)) for one in (x1, x2))
    shape = broadcast(which, left)
    return graph.op("Where", which, left, right, shape=_widest(shape, right), dtype=dtype)


def _widest(shape: tuple[int | None, ...], right: Value) -> tuple[int | None, ...]:
    return broadcast(Value(name="", shape=shape, dtype="bool"), right)
