"""Normalizations with statistics that are learned or taken from the row itself."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from horngate.contract.tensors import Shape
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.registry import Refused, converts
from horngate.zoo.convert.weights import as_numpy


@converts(keras.layers.BatchNormalization)
def batch(graph: Graph, layer: Any, x: Value, mask: Value | None = None) -> Value:
    """With the moving statistics; a mask matters in training only.

    ONNX's operator wants the channels second, and engines fold it into a convolution before it. Where they
    are not, a scale and an offset say the same without moving the tensor.
    """
    axis = layer.axis % x.rank
    second = (x.moved and axis == x.rank - 1) or (not x.moved and axis == 1)
    mean, variance = _numpy(layer.moving_mean), _numpy(layer.moving_variance)
    gamma = _numpy(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = _numpy(layer.beta) if layer.center else np.zeros_like(mean)
    if second:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        parts = [
            graph.constant(part, dtype=x.dtype, name=name)
            for part, name in zip((gamma, beta, mean, variance), names, strict=True)
        ]
        return graph.op("BatchNormalization", x, *parts, epsilon=float(layer.epsilon))
    x = graph.plain(x)
    across = [1] * x.rank
    across[axis] = mean.size
    factor = gamma / np.sqrt(variance + layer.epsilon)
    scale = graph.constant(factor.reshape(across), dtype=x.dtype, name="scale")
    offset = graph.constant((beta - mean * factor).reshape(across), dtype=x.dtype, name="offset")
    return graph.op("Add", graph.op("Mul", x, scale), offset)


@converts(keras.layers.LayerNormalization)
def layer_normalization(graph: Graph, layer: Any, x: Value) -> Value:
    """Mean and variance of each row's own last axes."""
    if getattr(layer, "rms_scaling", False):
        raise Refused("rms_scaling is of an old Keras; use RMSNormalization")
    x = _wide(graph, graph.plain(x))
    axes = sorted(axis % x.rank for axis in np.atleast_1d(layer.axis).tolist())
    sizes = [x.shape[axis] for axis in axes]
    if None in sizes:
        raise Refused(f"it normalizes free axes: {axes} of shape {x.shape}")
    gamma = _numpy(layer.gamma) if layer.scale else np.ones(sizes)
    beta = _numpy(layer.beta) if layer.center else np.zeros(sizes)
    across = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    trailing = axes == list(range(x.rank - len(axes), x.rank))
    scale = graph.constant(gamma.reshape(sizes if trailing else across), dtype=x.dtype, name="gamma")
    offset = graph.constant(beta.reshape(sizes if trailing else across), dtype=x.dtype, name="beta")
    epsilon = float(layer.epsilon)
    if trailing:
        y = graph.op("LayerNormalization", x, scale, offset, axis=axes[0], epsilon=epsilon)
    else:
        y = graph.op("Add", graph.op("Mul", _standardized(graph, x, axes, epsilon), scale), offset)
    return graph.cast(y, layer.compute_dtype)


def _wide(graph: Graph, x: Value) -> Value:
    """In float32 at the least: some layers take the mean and variance of halves in it."""
    return graph.cast(x, "float32") if x.dtype in ("float16", "bfloat16") else x


def _standardized(graph: Graph, x: Value, axes: list[int], epsilon: float) -> Value:
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    centred = graph.op("Sub", x, graph.op("ReduceMean", x, graph.ints(*axes), shape=shape))
    variance = graph.op("ReduceMean", graph.op("Mul", centred, centred), graph.ints(*axes), shape=shape)
    return graph.op("Div", centred, graph.op("Sqrt", graph.op("Add", variance, scalar(graph, epsilon, x))))


@converts(keras.layers.GroupNormalization)
def group(graph: Graph, layer: Any, x: Value) -> Value:
    """Mean and variance of each group of channels in each row, then a scale and offset for each channel."""
    axis = layer.axis % x.rank
    x = _wide(graph, x)
    if axis not in (1, x.rank - 1):
        return graph.cast(_group_inside(graph, layer, x, axis), layer.compute_dtype)
    x = graph.channels_second(x) if axis == x.rank - 1 else graph.plain(x)
    return graph.cast(_group(graph, layer, x, axis), layer.compute_dtype)


def _group(graph: Graph, layer: Any, x: Value, axis: int) -> Value:
    """The same of channels that are stored second."""
    channels = x.shape[axis]
    grouped = graph.op("Reshape", x, graph.ints(0, layer.groups, -1), shape=(x.shape[0], layer.groups, None))
    one, zero = (graph.constant(np.full(layer.groups, number), dtype=x.dtype) for number in (1, 0))
    normal = graph.op("InstanceNormalization", grouped, one, zero, epsilon=float(layer.epsilon))
    y = graph.op("Reshape", normal, graph.op("Shape", x, dtype="int64"), shape=x.shape, moved=x.moved)
    across = (channels, *(1,) * (x.rank - 2))
    if layer.scale:
        y = graph.op("Mul", y, graph.weight(layer.gamma, "gamma", dtype=x.dtype, shape=across))
    return (
        graph.op("Add", y, graph.weight(layer.beta, "beta", dtype=x.dtype, shape=across))
        if layer.center
        else y
    )


def _group_inside(graph: Graph, layer: Any, x: Value, axis: int) -> Value:
    """Channels in the middle, moved to the front for the time being."""
    x = graph.plain(x)
    to_front = [0, axis, *(one for one in range(1, x.rank) if one != axis)]
    turned = graph.op("Transpose", x, shape=tuple(x.shape[one] for one in to_front), perm=to_front)
    y = _group(graph, layer, turned, 1)
    return graph.op("Transpose", y, shape=x.shape, perm=np.argsort(to_front).tolist())


@converts(keras.layers.RMSNormalization)
def root_mean_square(graph: Graph, layer: Any, x: Value) -> Value:
    """Each vector divided by the root of its mean square, in float32 at the least."""
    wide = _wide(graph, graph.plain(x))
    axes = [axis % x.rank for axis in np.atleast_1d(layer.axis).tolist()]
    if len(layer.scale.shape) > 1 or axes[-1] != x.rank - 1:
        _fits_last(layer.scale.shape, x.shape)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    mean = graph.op("ReduceMean", graph.op("Mul", wide, wide), graph.ints(*axes), shape=shape)
    root = graph.op("Sqrt", graph.op("Add", mean, scalar(graph, layer.epsilon, wide)))
    scale = graph.weight(layer.scale, "scale", dtype=wide.dtype)
    product = graph.op("Mul", graph.op("Div", wide, root), scale)
    return graph.cast(product, x.dtype)


@converts(keras.layers.UnitNormalization)
def unit(graph: Graph, layer: Any, x: Value) -> Value:
    """Each vector divided by its length."""
    x = graph.plain(x)
    axes = [axis % x.rank for axis in np.atleast_1d(layer.axis).tolist()]
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    square = graph.op("ReduceSumSquare", x, graph.ints(*axes), shape=shape)
    length = graph.op("Max", graph.op("Sqrt", square), scalar(graph, 1e-12, x))
    return graph.op("Div", x, length)


@converts(keras.layers.Normalization)
def standardization(graph: Graph, layer: Any, x: Value) -> Value:
    """The mean and variance that `adapt` learned or that were given."""
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    mean = graph.constant(_numpy(layer.mean), dtype=x.dtype, name="mean")
    deviation = np.maximum(np.sqrt(_numpy(layer.variance)), keras.config.epsilon())
    spread = graph.constant(deviation, dtype=x.dtype, name="deviation")
    if layer.invert:
        return graph.op("Add", graph.op("Mul", x, spread), mean)
    return graph.op("Div", graph.op("Sub", x, mean), spread)


def _fits_last(scale: Sequence[int], shape: Shape) -> None:
    """Refused where Keras multiplies a scale of the normalized axes with the last ones, and they differ."""
    last = shape[len(shape) - len(scale) :]
    if any(one not in (1, size) for one, size in zip(scale, last, strict=True)):
        raise Refused(
            f"its scale of shape {tuple(scale)} does not fit the last axes of {shape}, in Keras either"
        )


def _numpy(variable: Any) -> np.ndarray[Any, Any]:
    return np.asarray(as_numpy(variable), dtype=np.float64)
