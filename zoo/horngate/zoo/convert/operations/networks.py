"""The functions of `keras.ops.nn`."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.operations.operands import as_value
from horngate.zoo.convert.operations.reducing import reduce
from horngate.zoo.convert.registry import Refused, converts_operation

_ACTIVATIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "Celu": (keras.activations.celu, ("alpha",)),
    "Elu": (keras.activations.elu, ("alpha",)),
    "Gelu": (keras.activations.gelu, ("approximate",)),
    "Glu": (keras.activations.glu, ("axis",)),
    "HardShrink": (keras.activations.hard_shrink, ("threshold",)),
    "HardSigmoid": (keras.activations.hard_sigmoid, ()),
    "HardSilu": (keras.activations.hard_silu, ()),
    "HardTanh": (keras.activations.hard_tanh, ()),
    "LeakyRelu": (keras.activations.leaky_relu, ("negative_slope",)),
    "LogSigmoid": (keras.activations.log_sigmoid, ()),
    "LogSoftmax": (keras.activations.log_softmax, ("axis",)),
    "Relu": (keras.activations.relu, ()),
    "Relu6": (keras.activations.relu6, ()),
    "Selu": (keras.activations.selu, ()),
    "Sigmoid": (keras.activations.sigmoid, ()),
    "Silu": (keras.activations.silu, ()),
    "SoftShrink": (keras.activations.soft_shrink, ("threshold",)),
    "Softmax": (keras.activations.softmax, ("axis",)),
    "Softplus": (keras.activations.softplus, ()),
    "Softsign": (keras.activations.softsign, ()),
    "SparsePlus": (keras.activations.sparse_plus, ()),
    "SparseSigmoid": (keras.activations.sparse_sigmoid, ()),
    "Sparsemax": (keras.activations.sparsemax, ("axis",)),
    "Squareplus": (keras.activations.squareplus, ("b",)),
    "TanhShrink": (keras.activations.tanh_shrink, ()),
    "Mish": (keras.activations.mish, ()),
    "Threshold": (keras.activations.threshold, ("threshold", "default_value")),
}


@converts_operation(*_ACTIVATIONS)
def activation(graph: Graph, operation: Any, x: Value) -> Value:
    """An activation with the settings that the operation holds."""
    if not keras.backend.is_float_dtype(x.dtype):
        raise Refused(f"an activation of {x.dtype}")
    function, settings = _ACTIVATIONS[type(operation).__name__]
    return graph.activate(function, x, **{name: getattr(operation, name) for name in settings})


@converts_operation("BatchNorm")
def batch_norm(
    graph: Graph, operation: Any, x: Value, mean: Any, variance: Any, offset: Any = None, scale: Any = None
) -> Value:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, for each position of one axis."""
    x = graph.plain(x)
    axis = operation.axis % x.rank
    across = [1] * x.rank
    across[axis] = -1

    def placed(one: Any) -> Value:
        value = as_value(graph, one, x.dtype)
        shape = tuple(value.shape[0] if size == -1 else 1 for size in across)
        return graph.op("Reshape", value, graph.ints(*across), shape=shape)

    root = graph.op("Sqrt", graph.op("Add", placed(variance), scalar(graph, operation.epsilon, x)))
    y = graph.op("Div", graph.op("Sub", x, placed(mean)), root)
    y = y if scale is None else graph.op("Mul", y, placed(scale))
    return y if offset is None else graph.op("Add", y, placed(offset))


@converts_operation("Moments")
def moments(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """The mean and the variance about it."""
    mean = reduce(graph, "ReduceMean", x, operation.axes, keepdims=operation.keepdims)
    across = reduce(graph, "ReduceMean", x, operation.axes, keepdims=True)
    centred = graph.op("Sub", graph.plain(x), across)
    square = graph.op("Mul", centred, centred)
    return [mean, reduce(graph, "ReduceMean", square, operation.axes, keepdims=operation.keepdims)]


@converts_operation("Normalize")
def normalize(graph: Graph, operation: Any, x: Value) -> Value:
    """Each vector divided by its length."""
    if operation.order != 2:
        raise Refused(f"a norm of order {operation.order}")
    length = reduce(graph, "ReduceL2", x, operation.axis, keepdims=True)
    least = keras.config.epsilon() if operation.epsilon is None else operation.epsilon
    x = graph.plain(x)
    return graph.op("Div", x, graph.op("Max", length, scalar(graph, least, x)))


@converts_operation("RMSNorm")
def rms_norm(graph: Graph, operation: Any, x: Value, scale: Any = None) -> Value:
    """Each vector divided by the root of its mean square."""
    x = graph.plain(x)
    return rms(graph, x, operation.axis, operation.epsilon, scale)


@converts_operation("LayerNorm")
def layer_norm(graph: Graph, operation: Any, x: Value, gamma: Any = None, beta: Any = None) -> Value:
    """Each vector centred and divided by its deviation."""
    if getattr(operation, "rms_scaling", False):
        raise Refused("rms_scaling")
    x = graph.plain(x)
    axes = np.atleast_1d(operation.axis)
    if axes.tolist() not in ([-1], [x.rank - 1]):
        raise Refused(f"it normalizes axes {axes.tolist()}")
    weight = as_value(graph, np.ones(x.shape[-1]) if gamma is None else gamma, x.dtype)
    offset = [] if beta is None else [as_value(graph, beta, x.dtype)]
    epsilon = float(operation.epsilon or keras.config.epsilon())
    return graph.op("LayerNormalization", x, weight, *offset, axis=-1, epsilon=epsilon)


def rms(graph: Graph, x: Value, axis: Any, epsilon: float | None, scale: Any) -> Value:
    """`x / sqrt(mean(x²) + epsilon) * scale`."""
    mean = reduce(graph, "ReduceMean", graph.op("Mul", x, x), axis, keepdims=True)
    least = scalar(graph, epsilon or keras.config.epsilon(), x)
    y = graph.op("Div", x, graph.op("Sqrt", graph.op("Add", mean, least)))
    return y if scale is None else graph.op("Mul", y, as_value(graph, scale, x.dtype))
