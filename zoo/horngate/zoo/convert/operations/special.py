"""Less common operations on each element: rarer functions, tests for special numbers, bits."""

import math
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import clip, scalar
from horngate.zoo.convert.layers.images import saturated
from horngate.zoo.convert.operations.operands import as_value, binary, floating, promoted
from horngate.zoo.convert.registry import Refused, converts_operation

_BITS = {
    "BitwiseAnd": ("BitwiseAnd", "And"),
    "BitwiseOr": ("BitwiseOr", "Or"),
    "BitwiseXor": ("BitwiseXor", "Xor"),
}
_FACTORS = {"Deg2rad": math.pi / 180, "Rad2deg": 180 / math.pi}


@converts_operation(*_BITS)
def bits(graph: Graph, operation: Any, x: Any, y: Any) -> Value:
    """Bit by bit; of booleans, logic."""
    left, right = promoted(graph, x, y)
    if left.dtype.startswith("float"):
        raise Refused(f"the bits of {left.dtype}")
    kind = _BITS[type(operation).__name__][left.dtype == "bool"]
    return binary(graph, kind, left, right)


@converts_operation("BitwiseNot", "BitwiseInvert")
def inverted_bits(graph: Graph, operation: Any, x: Value) -> Value:
    """Every bit turned round."""
    if x.dtype.startswith("float"):
        raise Refused(f"the bits of {x.dtype}")
    return graph.op("Not" if x.dtype == "bool" else "BitwiseNot", x)


@converts_operation("Isfinite")
def is_finite(graph: Graph, operation: Any, x: Value) -> Value:
    """True where the operand is a number and not infinite."""
    (x,) = floating(graph, x)
    strange = [graph.op(kind, x, dtype="bool") for kind in ("IsNaN", "IsInf")]
    return graph.op("Not", graph.op("Or", *strange))


@converts_operation("Isposinf", "Isneginf")
def is_one_infinity(graph: Graph, operation: Any, x: Value) -> Value:
    """True at one of the infinities."""
    positive = int(type(operation).__name__ == "Isposinf")
    (x,) = floating(graph, x)
    return graph.op("IsInf", x, dtype="bool", detect_positive=positive, detect_negative=1 - positive)


@converts_operation("NanToNum")
def nan_to_number(graph: Graph, operation: Any, x: Value) -> Value:
    """Numbers in the place of what is none or infinite."""
    if not x.dtype.startswith("float"):
        return x
    limits = np.finfo(x.dtype)
    low = float(limits.min) if operation.neginf is None else operation.neginf
    high = float(limits.max) if operation.posinf is None else operation.posinf
    for kind, number in (({"detect_negative": 0}, high), ({"detect_positive": 0}, low)):
        infinite = graph.op("IsInf", x, dtype="bool", **kind)
        x = graph.op("Where", infinite, scalar(graph, number, x), x, shape=x.shape, dtype=x.dtype)
    none = graph.op("IsNaN", x, dtype="bool")
    return graph.op("Where", none, scalar(graph, operation.nan, x), x, shape=x.shape, dtype=x.dtype)


@converts_operation("Trunc")
def truncated(graph: Graph, operation: Any, x: Value) -> Value:
    """The whole number nearer to zero."""
    if not x.dtype.startswith("float"):
        return x
    return graph.op("Mul", graph.op("Sign", x), graph.op("Floor", graph.op("Abs", x)))


@converts_operation("Fabs")
def magnitude(graph: Graph, operation: Any, x: Value) -> Value:
    """The absolute value as a float."""
    return graph.op("Abs", *floating(graph, x))


@converts_operation("Real", "Conj", "Conjugate")
def same_if_real(graph: Graph, operation: Any, x: Value) -> Value:
    """Of a real number, the number itself."""
    return x


@converts_operation(*_FACTORS)
def in_other_units(graph: Graph, operation: Any, x: Value) -> Value:
    """Degrees and radians."""
    (x,) = floating(graph, x)
    return graph.op("Mul", x, scalar(graph, _FACTORS[type(operation).__name__], x))


@converts_operation("Exp2")
def power_of_two(graph: Graph, operation: Any, x: Value) -> Value:
    """`2 ** x`."""
    (x,) = floating(graph, x)
    return graph.op("Pow", scalar(graph, 2, x), x, shape=x.shape, dtype=x.dtype)


@converts_operation("Cbrt")
def cube_root(graph: Graph, operation: Any, x: Value) -> Value:
    """The real cube root."""
    (x,) = floating(graph, x)
    root = graph.op("Pow", graph.op("Abs", x), scalar(graph, 1 / 3, x))
    return graph.op("Mul", graph.op("Sign", x), root)


@converts_operation("Erfc")
def complementary_error(graph: Graph, operation: Any, x: Value) -> Value:
    """`1 - erf(x)`."""
    (x,) = floating(graph, x)
    return graph.op("Sub", scalar(graph, 1, x), graph.op("Erf", x), shape=x.shape)


@converts_operation("Hypot")
def hypotenuse(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """`sqrt(x1² + x2²)`."""
    left, right = floating(graph, x1, x2)
    squares = graph.op("Mul", left, left), graph.op("Mul", right, right)
    return graph.op("Sqrt", binary(graph, "Add", *squares))


@converts_operation("Logaddexp")
def log_of_sum(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """`log(exp(x1) + exp(x2))`, about the larger."""
    left, right = floating(graph, x1, x2)
    larger = binary(graph, "Max", left, right)
    apart = graph.op("Neg", graph.op("Abs", binary(graph, "Sub", left, right)))
    beyond = graph.op("Log", graph.op("Add", graph.op("Exp", apart), scalar(graph, 1, larger)))
    return graph.op("Add", larger, beyond)


@converts_operation("Arctan2")
def angle(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """The angle of the point (x2, x1), in the quadrant that it lies in."""
    y, x = floating(graph, x1, x2)
    zero = scalar(graph, 0, x)
    even = graph.op("Equal", x, zero, dtype="bool")
    safe = graph.op("Where", even, scalar(graph, 1, x), x, shape=x.shape, dtype=x.dtype)
    slope = graph.op("Atan", binary(graph, "Div", y, safe))
    below = graph.op("Less", y, zero, dtype="bool")
    half_turn = _choice(graph, below, -math.pi, math.pi, y)
    behind = graph.op("Less", x, zero, dtype="bool")
    turned = binary(graph, "Add", slope, half_turn)
    front = graph.op("Where", behind, turned, slope, shape=slope.shape, dtype=x.dtype)
    up = graph.op("Mul", graph.op("Sign", y), scalar(graph, math.pi / 2, y))
    return graph.op("Where", even, up, front, shape=front.shape, dtype=x.dtype)


@converts_operation("Heaviside")
def step(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """Zero below zero, one above, the second operand at zero."""
    x, at_zero = floating(graph, x1, x2)
    zero = scalar(graph, 0, x)
    above = _choice(graph, graph.op("Greater", x, zero, dtype="bool"), 1, 0, x)
    level = graph.op("Equal", x, zero, dtype="bool")
    shape = binary(graph, "Add", x, at_zero).shape
    return graph.op("Where", level, at_zero, above, shape=shape, dtype=x.dtype)


@converts_operation("FullLike")
def full_like(graph: Graph, operation: Any, x: Value, fill_value: Any) -> Value:
    """One number in the operand's shape."""
    x = graph.plain(x)
    shape = graph.op("Shape", x, shape=(x.rank,), dtype="int64")
    return graph.op("Expand", as_value(graph, fill_value, operation.dtype or x.dtype), shape, shape=x.shape)


@converts_operation("SaturateCast")
def saturate_cast(graph: Graph, operation: Any, x: Value) -> Value:
    """Another dtype, what is beyond its bounds at the bounds."""
    if keras.backend.is_int_dtype(operation.dtype) and x.dtype.startswith("float"):
        return saturated(graph, x, operation.dtype)
    if keras.backend.is_float_dtype(operation.dtype) and x.dtype.startswith("float"):
        limits = np.finfo(operation.dtype)
        return graph.cast(clip(graph, x, float(limits.min), float(limits.max)), operation.dtype)
    raise Refused(f"a saturating cast from {x.dtype} to {operation.dtype}")


def _choice(graph: Graph, which: Value, yes: float, no: float, like: Value) -> Value:
    return graph.op("Where", which, scalar(graph, yes, like), scalar(graph, no, like), dtype=like.dtype)
