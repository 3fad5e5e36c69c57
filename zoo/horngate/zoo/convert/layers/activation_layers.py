"""Activations as layers of their own."""

from typing import Any

import keras
import numpy as np
from keras.src.activations.activations import Mish as MishOperation
from keras.src.activations.activations import ReLU as ReluOperation

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import activations
from horngate.zoo.convert.layers.activations import clip, scalar
from horngate.zoo.convert.registry import Refused, converts


@converts(keras.layers.Activation)
def activation(graph: Graph, layer: Any, x: Value) -> Value:
    """Any activation function by name."""
    return graph.activate(layer.activation, x)


@converts(keras.layers.ReLU, ReluOperation)
def relu(graph: Graph, layer: Any, x: Value) -> Value:
    """The rectifier with a ceiling, a threshold and a slope below it."""
    slope, ceiling, threshold = layer.negative_slope, layer.max_value, layer.threshold
    if slope and ceiling is None and not threshold:
        return activations.leaky_relu(graph, x, slope)
    if ceiling is not None and not threshold:
        y = clip(graph, x, 0, ceiling)
    else:
        y = activations.threshold(graph, x, threshold, 0) if threshold else graph.op("Relu", x)
        y = clip(graph, y, 0, ceiling) if ceiling is not None else y
    if not slope:
        return y
    below = graph.op("Relu", graph.op("Sub", scalar(graph, threshold, x), x))
    return graph.op("Sub", y, graph.op("Mul", below, scalar(graph, slope, x)))


@converts(MishOperation)
def mish(graph: Graph, operation: Any, x: Value) -> Value:
    """The activation, traced."""
    return graph.activate(keras.activations.mish, x)


@converts(keras.layers.LeakyReLU)
def leaky_relu(graph: Graph, layer: Any, x: Value) -> Value:
    """A slope below zero."""
    return activations.leaky_relu(graph, x, layer.negative_slope)


@converts(keras.layers.ELU)
def elu(graph: Graph, layer: Any, x: Value) -> Value:
    """An exponential below zero."""
    return activations.elu(graph, x, layer.alpha)


@converts(keras.layers.PReLU)
def prelu(graph: Graph, layer: Any, x: Value) -> Value:
    """A learned slope below zero, for each position but along shared axes."""
    axes = (layer.alpha.ndim - 1, *range(layer.alpha.ndim - 1)) if x.moved else None
    return graph.op("PRelu", x, graph.weight(layer.alpha, "alpha", dtype=x.dtype, axes=axes))


@converts(keras.layers.Softmax)
def softmax(graph: Graph, layer: Any, x: Value, mask: Value | None = None) -> Value:
    """Softmax along one axis. As in Keras, masked positions are zero, even where all are masked."""
    axis = layer.axis
    if mask is None:
        return activations.softmax(graph, x, axis)
    if mask.dtype != "bool":
        mask = graph.op("Greater", mask, scalar(graph, 0.5, mask), dtype="bool")
    x = graph.plain(x)
    pairs = list(zip(mask.shape[::-1], x.shape[::-1], strict=False))
    if mask.rank > x.rank or any(None not in (m, size) and m not in (1, size) for m, size in pairs):
        raise Refused(f"its mask of shape {mask.shape} does not fit its input of shape {x.shape}")
    low = -3.0e4 if x.dtype == "float16" else float(np.finfo(np.float32).min) / 2
    kept = graph.op("Where", mask, x, scalar(graph, low, x), shape=x.shape, dtype=x.dtype)
    y = activations.softmax(graph, kept, axis)
    return graph.op("Where", mask, y, scalar(graph, 0, x), shape=x.shape, dtype=x.dtype)
