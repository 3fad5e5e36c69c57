"""Operations on each element by itself."""

import math
from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.operations.operands import as_value, binary, floating, promoted, result_dtype
from horngate.zoo.convert.registry import Refused, converts_operation

_FLOAT_FUNCTIONS = {
    "Arccos": "Acos",
    "Arccosh": "Acosh",
    "Arcsin": "Asin",
    "Arcsinh": "Asinh",
    "Arctan": "Atan",
    "Arctanh": "Atanh",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "Erf": "Erf",
    "Exp": "Exp",
    "Log": "Log",
    "Reciprocal": "Reciprocal",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Sqrt": "Sqrt",
    "Tan": "Tan",
    "Tanh": "Tanh",
}
_SAME_DTYPE = {"Absolute": "Abs", "Abs": "Abs", "Negative": "Neg", "Sign": "Sign"}
_ROUNDINGS = {"Floor": "Floor", "Ceil": "Ceil"}
_BINARY = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Maximum": "Max",
    "Minimum": "Min",
    "Power": "Pow",
}


@converts_operation(*_FLOAT_FUNCTIONS)
def function(graph: Graph, operation: Any, x: Any) -> Value:
    """A function of floats; integers become floats first."""
    return graph.op(_FLOAT_FUNCTIONS[type(operation).__name__], *floating(graph, x))


@converts_operation(*_SAME_DTYPE)
def same_dtype(graph: Graph, operation: Any, x: Value) -> Value:
    """A function that keeps the dtype."""
    if x.dtype == "bool":
        raise Refused(f"the {type(operation).__name__.lower()} of booleans")
    return graph.op(_SAME_DTYPE[type(operation).__name__], x)


@converts_operation(*_ROUNDINGS)
def rounding(graph: Graph, operation: Any, x: Value) -> Value:
    """The whole number below or above."""
    return graph.op(_ROUNDINGS[type(operation).__name__], *floating(graph, x))


@converts_operation("Round")
def nearest(graph: Graph, operation: Any, x: Value) -> Value:
    """The nearest whole number, the even one of two."""
    if not x.dtype.startswith("float"):
        if operation.decimals < 0 or x.dtype == "bool":
            raise Refused(f"rounding {x.dtype} to {operation.decimals} decimals")
        return x
    if not operation.decimals:
        return graph.op("Round", x)
    factor = scalar(graph, 10.0**operation.decimals, x)
    return graph.op("Div", graph.op("Round", graph.op("Mul", x, factor)), factor)


@converts_operation("Square")
def square(graph: Graph, operation: Any, x: Value) -> Value:
    """`x * x`; booleans become integers first, as in Keras."""
    x = graph.cast(x, "int32") if x.dtype == "bool" else x
    return graph.op("Mul", x, x)


@converts_operation("Rsqrt")
def inverse_root(graph: Graph, operation: Any, x: Value) -> Value:
    """`1 / sqrt(x)`."""
    return graph.op("Reciprocal", graph.op("Sqrt", *floating(graph, x)))


@converts_operation("Log1p")
def log1p(graph: Graph, operation: Any, x: Value) -> Value:
    """`log(1 + x)`, right for small x too: `x * log(u) / (u - 1)` with `u = 1 + x` (Kahan)."""
    (x,) = floating(graph, x)
    one = scalar(graph, 1, x)
    above = graph.op("Add", one, x, shape=x.shape, moved=x.moved)
    step = graph.op("Sub", above, one)
    vanishes = graph.op("Equal", step, scalar(graph, 0, x), dtype="bool")
    safe = graph.op("Where", vanishes, one, step, dtype=x.dtype)
    exact = graph.op("Mul", graph.op("Log", above), graph.op("Div", x, safe))
    return graph.op("Where", vanishes, x, exact, dtype=x.dtype)


@converts_operation("Expm1")
def expm1(graph: Graph, operation: Any, x: Value) -> Value:
    """`exp(x) - 1`, right for small x too: `2 * exp(x / 2) * sinh(x / 2)`."""
    (x,) = floating(graph, x)
    half = graph.op("Mul", x, scalar(graph, 0.5, x))
    grown = graph.op("Mul", graph.op("Exp", half), graph.op("Sinh", half))
    return graph.op("Mul", grown, scalar(graph, 2, x))


@converts_operation("Log2", "Log10")
def logarithm(graph: Graph, operation: Any, x: Value) -> Value:
    """A logarithm of another base."""
    (x,) = floating(graph, x)
    base = 2 if type(operation).__name__ == "Log2" else 10
    return graph.op("Mul", graph.op("Log", x), scalar(graph, 1 / math.log(base), x))


@converts_operation(*_BINARY)
def arithmetic(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """Operators of two operands."""
    left, right = promoted(graph, x1, x2)
    if left.dtype == "bool":
        raise Refused("arithmetic of booleans")
    return binary(graph, _BINARY[type(operation).__name__], left, right)


@converts_operation("Divide", "TrueDivide")
def divide(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """A quotient of floats, whatever the operands."""
    left, right = floating(graph, x1, x2)
    return binary(graph, "Div", left, right)


@converts_operation("DivideNoNan")
def divide_no_nan(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """A quotient that is zero where the divisor is."""
    left, right = floating(graph, x1, x2)
    zero, one = scalar(graph, 0, left), scalar(graph, 1, left)
    nothing = graph.op("Equal", right, zero, dtype="bool")
    quotient = binary(graph, "Div", left, graph.op("Where", nothing, one, right, dtype=left.dtype))
    return graph.op("Where", nothing, zero, quotient, shape=quotient.shape, dtype=left.dtype)


@converts_operation("FloorDivide")
def floor_divide(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """The quotient rounded down."""
    left, right = promoted(graph, x1, x2)
    if left.dtype.startswith("float"):
        return graph.op("Floor", binary(graph, "Div", left, right))
    if left.dtype == "bool":
        raise Refused("floor division of booleans")
    # ONNX rounds integers' quotients towards zero; what is over has the divisor's sign, so it comes off first.
    over = binary(graph, "Mod", left, right)
    return binary(graph, "Div", binary(graph, "Sub", left, over), right)


@converts_operation("Mod")
def modulo(graph: Graph, operation: Any, x1: Any, x2: Any) -> Value:
    """The remainder with the divisor's sign."""
    left, right = promoted(graph, x1, x2)
    if not left.dtype.startswith("float"):
        return binary(graph, "Mod", left, right)
    below = graph.op("Floor", binary(graph, "Div", left, right))
    return binary(graph, "Sub", left, graph.op("Mul", below, right, shape=below.shape))


@converts_operation("Clip")
def clip(graph: Graph, operation: Any, x: Value) -> Value:
    """Between two bounds."""
    low, high = operation.x_min, operation.x_max
    dtype = result_dtype(x, *(bound for bound in (low, high) if bound is not None))
    (x,) = promoted(graph, x, to="int32" if dtype == "bool" else dtype)
    bounds = [None if bound is None else as_value(graph, bound, x.dtype) for bound in (low, high)]
    if not any(bound is not None and bound.rank for bound in bounds):
        return graph.op("Clip", x, *bounds)
    x = graph.plain(x)
    for kind, bound in zip(("Max", "Min"), bounds, strict=True):
        x = x if bound is None else binary(graph, kind, x, bound)
    return x


@converts_operation("Cast", "ConvertToTensor")
def cast(graph: Graph, operation: Any, x: Value) -> Value:
    """Another dtype."""
    return graph.cast(x, operation.dtype) if operation.dtype else x


@converts_operation("Copy", "StopGradient")
def same(graph: Graph, operation: Any, x: Value) -> Value:
    """The operand itself."""
    return x


@converts_operation("ZerosLike", "OnesLike")
def constant_like(graph: Graph, operation: Any, x: Value, **ignored: Any) -> Value:
    """Zeros or ones of the operand's shape."""
    x = graph.plain(x)
    number = 0 if type(operation).__name__ == "ZerosLike" else 1
    shape = graph.op("Shape", x, shape=(x.rank,), dtype="int64")
    filled = graph.constant(np.asarray(number), dtype=operation.dtype or x.dtype)
    return graph.op("Expand", filled, shape, shape=x.shape)
