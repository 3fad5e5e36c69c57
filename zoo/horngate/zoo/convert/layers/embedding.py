"""Embeddings and the masks that start with them."""

from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.layers.dense import plain_weights
from horngate.zoo.convert.registry import converts, masks


@converts(keras.layers.Embedding)
def embedding(graph: Graph, layer: Any, x: Value) -> Value:
    """One row of the table for each number."""
    plain_weights(layer)
    table = graph.weight(layer.embeddings, "embeddings", dtype=layer.compute_dtype)
    indices = x if x.dtype in ("int32", "int64") else graph.cast(x, "int32")
    return graph.op("Gather", table, indices, shape=(*x.shape, layer.output_dim), axis=0)


@converts(keras.layers.ReversibleEmbedding)
def reversible_embedding(graph: Graph, layer: Any, x: Value, reverse: bool = False) -> Value:
    """An embedding, or the products of a vector with every row of its table."""
    if not reverse:
        return embedding(graph, layer, x)
    plain_weights(layer)
    dtype = layer.reverse_dtype or layer.compute_dtype
    table = layer.embeddings if layer.tie_weights else layer.reverse_embeddings
    axes = (1, 0) if layer.tie_weights else None
    kernel = graph.weight(table, "reverse_embeddings", dtype=dtype, axes=axes)
    shape = (*x.shape[:-1], layer.input_dim)
    logits = graph.op("MatMul", graph.cast(graph.plain(x), dtype), kernel, shape=shape)
    if layer.logit_soft_cap is None:
        return logits
    cap = scalar(graph, layer.logit_soft_cap, logits)
    return graph.op("Mul", graph.op("Tanh", graph.op("Div", logits, cap)), cap)


@masks(keras.layers.ReversibleEmbedding)
def reversible_embedding_mask(graph: Graph, layer: Any, inputs: Value, mask: Any) -> Value | None:
    """Zeros are padding; vectors have none."""
    if inputs.dtype.startswith("float"):
        return None
    return embedding_mask(graph, layer, inputs, mask)


@masks(keras.layers.Embedding)
def embedding_mask(graph: Graph, layer: Any, inputs: Value, mask: Any) -> Value | None:
    """Zeros are padding."""
    return _differs(graph, inputs, 0) if layer.mask_zero else None


@converts(keras.layers.Masking)
def masking(graph: Graph, layer: Any, x: Value) -> Value:
    """Steps in which every feature has the mask's value become zero."""
    x = graph.plain(x)
    counted = _any_differs(graph, x, layer.mask_value, keepdims=1)
    return graph.op("Where", counted, x, scalar(graph, 0, x), shape=x.shape, dtype=x.dtype)


@masks(keras.layers.Masking)
def masking_mask(graph: Graph, layer: Any, inputs: Value, mask: Any) -> Value:
    """The steps in which some feature differs from the mask's value."""
    return _any_differs(graph, graph.plain(inputs), layer.mask_value, keepdims=0)


def _differs(graph: Graph, x: Value, number: float) -> Value:
    return graph.op("Not", graph.op("Equal", x, scalar(graph, number, x), dtype="bool"))


def _any_differs(graph: Graph, x: Value, number: float, keepdims: int) -> Value:
    shape = (*x.shape[:-1], 1) if keepdims else x.shape[:-1]
    counts = graph.cast(_differs(graph, x, number), "int32")
    return graph.cast(
        graph.op("ReduceMax", counts, graph.constant(np.asarray([-1])), shape=shape, keepdims=keepdims),
        "bool",
    )
