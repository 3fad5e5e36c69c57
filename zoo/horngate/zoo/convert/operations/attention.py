"""Scaled dot-product attention."""

from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.attention import masked_scores, no_later
from horngate.zoo.convert.operations.operands import as_value
from horngate.zoo.convert.registry import Refused, converts_operation


@converts_operation("DotProductAttention")
def dot_product_attention(
    graph: Graph,
    operation: Any,
    query: Value,
    key: Value,
    value: Value,
    bias: Any = None,
    mask: Any = None,
    scale: Any = None,
) -> Value:
    """Query, key and value of (rows, steps, heads, features)."""
    if operation.attn_logits_soft_cap is not None:
        raise Refused("a cap on the scores")
    if query.rank != 4 or key.rank != 4:
        raise Refused(f"attention of shapes {query.shape} and {key.shape}")
    heads, size = query.shape[2], key.shape[3]
    if heads != key.shape[2] or size is None:
        raise Refused(f"attention of shapes {query.shape} and {key.shape}")
    q, k, v = (_by_head(graph, one, last) for one, last in ((query, (1, 3)), (key, (3, 1)), (value, (1, 3))))
    scores = graph.op("MatMul", q, k, shape=(q.shape[0], heads, q.shape[2], k.shape[3]))
    factor = 1 / np.sqrt(size) if scale is None else scale
    scores = graph.op("Mul", scores, as_value(graph, factor, scores.dtype), shape=scores.shape)
    if bias is not None:
        scores = graph.op("Add", scores, as_value(graph, bias, scores.dtype), shape=scores.shape)
    allowed = [] if mask is None else [as_value(graph, mask, "bool")]
    allowed += [no_later(graph, scores)] if operation.is_causal else []
    weights = graph.op("Softmax", masked_scores(graph, scores, allowed), axis=3)
    attended = graph.op("MatMul", weights, v, shape=(*scores.shape[:3], v.shape[3]))
    shape = (query.shape[0], query.shape[1], heads, value.shape[3])
    return graph.op("Transpose", attended, shape=shape, perm=[0, 2, 1, 3])


def _by_head(graph: Graph, x: Value, last: tuple[int, int]) -> Value:
    axes = (0, 2, *last)
    x = graph.plain(x)
    return graph.op("Transpose", x, shape=tuple(x.shape[axis] for axis in axes), perm=axes)
