"""Every function of `keras.activations`."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts
from horngate.zoo.files.legacy.hard_sigmoid import hard_sigmoid as old_hard_sigmoid

_SAME_OPERATOR = {
    keras.activations.relu: "Relu",
    keras.activations.sigmoid: "Sigmoid",
    keras.activations.tanh: "Tanh",
    keras.activations.exponential: "Exp",
    keras.activations.softplus: "Softplus",
    keras.activations.softsign: "Softsign",
    keras.activations.mish: "Mish",
    keras.activations.hard_silu: "HardSwish",
}


def _register(function: Any, kind: str) -> None:
    @converts(function)
    def operator(graph: Graph, x: Value) -> Value:
        return graph.op(kind, x)


for _function, _kind in _SAME_OPERATOR.items():
    _register(_function, _kind)


def scalar(graph: Graph, number: float, x: Value) -> Value:
    """A constant in the dtype of `x`."""
    return graph.constant(np.asarray(number), dtype=x.dtype)


def clip(graph: Graph, x: Value, low: float, high: float) -> Value:
    """`min(max(x, low), high)`."""
    return graph.op("Clip", x, scalar(graph, low, x), scalar(graph, high, x))


@converts(keras.activations.linear)
def linear(graph: Graph, x: Value) -> Value:
    """The input itself."""
    return x


@converts(keras.activations.relu6)
def relu6(graph: Graph, x: Value) -> Value:
    """`min(max(x, 0), 6)`."""
    return clip(graph, x, 0, 6)


@converts(keras.activations.hard_tanh)
def hard_tanh(graph: Graph, x: Value) -> Value:
    """`min(max(x, -1), 1)`."""
    return clip(graph, x, -1, 1)


@converts(keras.activations.leaky_relu)
def leaky_relu(graph: Graph, x: Value, negative_slope: float = 0.2) -> Value:
    """`x` above zero, `negative_slope * x` below."""
    return graph.op("LeakyRelu", x, alpha=float(negative_slope))


@converts(keras.activations.elu)
def elu(graph: Graph, x: Value, alpha: float = 1.0) -> Value:
    """`x` above zero, `alpha * (exp(x) - 1)` below."""
    return graph.op("Elu", x, alpha=float(alpha))


@converts(keras.activations.selu)
def selu(graph: Graph, x: Value) -> Value:
    """Scaled elu, with the constants of its paper (ONNX's defaults are rounded)."""
    return graph.op("Selu", x, alpha=1.6732632423543772, gamma=1.0507009873554805)


@converts(keras.activations.celu)
def celu(graph: Graph, x: Value, alpha: float = 1.0) -> Value:
    """`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`; with alpha 1 that is elu."""
    if alpha == 1.0:
        return elu(graph, x)
    return graph.op("Celu", x, alpha=float(alpha))


@converts(keras.activations.silu)
def silu(graph: Graph, x: Value) -> Value:
    """`x * sigmoid(x)`."""
    return graph.op("Mul", x, graph.op("Sigmoid", x))


@converts(keras.activations.gelu)
def gelu(graph: Graph, x: Value, approximate: bool = False) -> Value:
    """`x * normal_cdf(x)`, or its tanh approximation."""
    return graph.op("Gelu", x, approximate="tanh" if approximate else "none")


@converts(keras.activations.hard_sigmoid)
def hard_sigmoid(graph: Graph, x: Value) -> Value:
    """`relu6(x + 3) / 6`, Keras 3's; Keras 2's was another function."""
    return graph.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)


@converts(old_hard_sigmoid)
def keras_2_hard_sigmoid(graph: Graph, x: Value) -> Value:
    """`0.2 x + 0.5`, between 0 and 1."""
    return graph.op("HardSigmoid", x, alpha=0.2, beta=0.5)


@converts(keras.activations.log_sigmoid)
def log_sigmoid(graph: Graph, x: Value) -> Value:
    """`-softplus(-x)`."""
    return graph.op("Neg", graph.op("Softplus", graph.op("Neg", x)))


@converts(keras.activations.tanh_shrink)
def tanh_shrink(graph: Graph, x: Value) -> Value:
    """`x - tanh(x)`."""
    return graph.op("Sub", x, graph.op("Tanh", x))


@converts(keras.activations.hard_shrink)
def hard_shrink(graph: Graph, x: Value, threshold: float = 0.5) -> Value:
    """`x` outside of the threshold, zero inside."""
    return graph.op("Shrink", x, lambd=float(threshold), bias=0.0)


@converts(keras.activations.soft_shrink)
def soft_shrink(graph: Graph, x: Value, threshold: float = 0.5) -> Value:
    """`x` moved towards zero by the threshold."""
    return graph.op("Shrink", x, lambd=float(threshold), bias=float(threshold))


@converts(keras.activations.squareplus)
def squareplus(graph: Graph, x: Value, b: float = 4) -> Value:
    """`(x + sqrt(x * x + b)) / 2`."""
    root = graph.op("Sqrt", graph.op("Add", graph.op("Mul", x, x), scalar(graph, b, x)))
    return graph.op("Mul", graph.op("Add", x, root), scalar(graph, 0.5, x))


@converts(keras.activations.sparse_plus)
def sparse_plus(graph: Graph, x: Value) -> Value:
    """Zero up to -1, `x` from 1 on, `(x + 1)² / 4` between."""
    shifted = graph.op("Add", clip(graph, x, -1, 1), scalar(graph, 1, x))
    curve = graph.op("Mul", graph.op("Mul", shifted, shifted), scalar(graph, 0.25, x))
    beyond = graph.op("Relu", graph.op("Sub", x, scalar(graph, 1, x)))
    return graph.op("Add", curve, beyond)


@converts(keras.activations.sparse_sigmoid)
def sparse_sigmoid(graph: Graph, x: Value) -> Value:
    """Zero up to -1, one from 1 on, `(x + 1) / 2` between."""
    return graph.op("HardSigmoid", x, alpha=0.5, beta=0.5)


@converts(keras.activations.softmax)
def softmax(graph: Graph, x: Value, axis: int = -1) -> Value:
    """Exponentials over their sum along one axis."""
    return _along("Softmax", graph, x, axis)


@converts(keras.activations.log_softmax)
def log_softmax(graph: Graph, x: Value, axis: int = -1) -> Value:
    """The logarithm of softmax."""
    return _along("LogSoftmax", graph, x, axis)


@converts(keras.activations.glu)
def glu(graph: Graph, x: Value, axis: int = -1) -> Value:
    """The first half of an axis times the sigmoid of the second."""
    x = graph.plain(x)
    axis %= x.rank
    size = x.shape[axis]
    if size is None or size % 2:
        raise Refused(f"glu splits axis {axis}, whose size is {size}; expected an even number")
    half = (*x.shape[:axis], size // 2, *x.shape[axis + 1 :])
    left, right = graph.ops("Split", [x], outputs=2, shape=half, axis=axis, num_outputs=2)
    return graph.op("Mul", left, graph.op("Sigmoid", right))


@converts(keras.activations.sparsemax)
def sparsemax(graph: Graph, x: Value, axis: int = -1) -> Value:
    """What Keras calls sparsemax: it sums the running sums, where Martins and Astudillo sum the logits."""
    x = graph.plain(x)
    axis %= x.rank
    size = x.shape[axis]
    if size is None:
        raise Refused("sparsemax along a free axis")
    ranked, _ = graph.ops("TopK", [x, graph.ints(size)], outputs=2, axis=axis)
    across = [1] * x.rank
    across[axis] = size
    ranks = graph.constant(np.arange(1, size + 1).reshape(across), dtype=x.dtype)
    total = graph.op("CumSum", ranked, graph.constant(np.asarray(axis, np.int64)))
    bound = graph.op("Add", graph.op("Mul", ranked, ranks), scalar(graph, 1, x))
    support = graph.cast(graph.op("Greater", bound, total, dtype="bool"), x.dtype)
    reduced = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    count = graph.op("ReduceSum", support, graph.ints(axis), shape=reduced)
    held = graph.op("ReduceSum", graph.op("Mul", support, total), graph.ints(axis), shape=reduced)
    threshold = graph.op("Div", graph.op("Sub", held, scalar(graph, 1, x)), count)
    return graph.op("Relu", graph.op("Sub", x, threshold))


@converts(keras.activations.threshold)
def threshold(graph: Graph, x: Value, threshold: float, default_value: float) -> Value:
    """`x` above the threshold, `default_value` elsewhere."""
    above = graph.op("Greater", x, scalar(graph, threshold, x), dtype="bool")
    return graph.op("Where", above, x, scalar(graph, default_value, x), dtype=x.dtype)


def _along(kind: str, graph: Graph, x: Value, axis: int) -> Value:
    x = graph.plain(x)
    if not isinstance(axis, int):
        return _along_several(kind, graph, x, [one % x.rank for one in axis])
    if not -x.rank <= axis < x.rank:
        raise Refused(f"{kind} over axis {axis} of a tensor of rank {x.rank}")
    return graph.op(kind, x, axis=axis % x.rank)


def _along_several(kind: str, graph: Graph, x: Value, axes: list[int]) -> Value:
    """Over several axes at once, shifted by their largest as Softmax does."""
    if len(axes) == 1:
        return graph.op(kind, x, axis=axes[0])
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    along = graph.ints(*axes)
    shifted = graph.op("Sub", x, graph.op("ReduceMax", x, along, shape=shape))
    grown = graph.op("Exp", shifted)
    total = graph.op("ReduceSum", grown, along, shape=shape)
    if kind == "LogSoftmax":
        return graph.op("Sub", shifted, graph.op("Log", total))
    return graph.op("Div", grown, total)
