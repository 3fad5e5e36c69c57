"""Dense layers."""

from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import converts


@converts(keras.layers.Dense)
def dense(graph: Graph, layer: Any, x: Value) -> Value:
    """`activation(x @ kernel + bias)`, the last axis contracted."""
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    shape = (*x.shape[:-1], layer.units)
    kernel = graph.weight(layer.kernel, "kernel", dtype=x.dtype)
    bias = graph.weight(layer.bias, "bias", dtype=x.dtype) if layer.use_bias else None
    if x.rank == 2:
        y = graph.op("Gemm", x, kernel, *([bias] if bias else []), shape=shape)
    else:
        y = graph.op("MatMul", x, kernel, shape=shape)
        y = graph.op("Add", y, bias) if bias else y
    return graph.activate(layer.activation, y)
