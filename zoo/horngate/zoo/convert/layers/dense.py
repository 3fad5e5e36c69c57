"""Dense layers."""

from math import prod
from typing import Any

import keras

from horngate.zoo.convert.contraction import contract, spelled_out
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts


@converts(keras.layers.Dense)
def dense(graph: Graph, layer: Any, x: Value) -> Value:
    """`activation(x @ kernel + bias)`, the last axis contracted."""
    plain_weights(layer)
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


@converts(keras.layers.EinsumDense)
def einsum_dense(graph: Graph, layer: Any, x: Value, equation: str = "") -> Value:
    """A product along any axes; one of last axes is a product of matrices, whatever the letters.

    `equation` stands for the layer's own where it is used on fewer axes than it was made for.
    """
    plain_weights(layer)
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    kernel = graph.weight(layer.kernel, "kernel", dtype=x.dtype)
    equation = equation or spelled_out(layer.equation, x.rank)
    y = _last_axes(graph, equation, x, kernel, layer) or contract(graph, equation, [x, kernel])
    if layer.bias is not None:
        y = graph.op("Add", y, graph.weight(layer.bias, "bias", dtype=x.dtype))
    return graph.activate(layer.activation, y)


def plain_weights(layer: Any) -> None:
    """Refused for a quantized layer: Keras rounds its inputs too, and a step to the other side shows."""
    if layer.quantization_mode is not None:
        raise Refused(f"it is quantized ({layer.quantization_mode}), and rounds its inputs as it runs")


def _last_axes(graph: Graph, equation: str, x: Value, kernel: Value, layer: Any) -> Value | None:
    """`ab(c…),(c…)(d…)->ab(d…)` as a product of matrices; None if the equation is another."""
    terms, result = equation.split("->")
    left, right = terms.split(",")
    summed = [letter for letter in left if letter not in result]
    kept, made = left[: len(left) - len(summed)], right[len(summed) :]
    if left[len(kept) :] != right[: len(summed)] or result != kept + made or len(kept) < 2:
        return None
    sizes = [size for size in kernel.shape if size is not None]
    rows, columns = prod(sizes[: len(summed)]), prod(sizes[len(summed) :])
    flat = graph.weight(layer.kernel, "kernel", dtype=x.dtype, shape=(rows, columns))
    if len(summed) > 1:
        x = graph.op("Reshape", x, graph.ints(*[0] * len(kept), rows), shape=(*x.shape[: len(kept)], rows))
    y = graph.op("MatMul", x, flat, shape=(*x.shape[: len(kept)], columns))
    if len(made) == 1:
        return y
    target = sizes[len(summed) :]
    return graph.op("Reshape", y, graph.ints(*[0] * len(kept), *target), shape=(*y.shape[:-1], *target))
