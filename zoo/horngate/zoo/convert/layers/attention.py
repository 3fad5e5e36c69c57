"""Attention layers, with their causal, padding and own masks.

Scores are (rows, heads, query steps, key steps). A mask is a boolean value that broadcasts against them.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.layers.dense import einsum_dense
from horngate.zoo.convert.registry import Refused, converts, masks
from horngate.zoo.convert.weights import as_numpy

_LOW = {"float16": -0.7 * 65500.0}
_SOFTMAX_LOW = {"float16": -3.0e4}


@converts(keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)
def multi_head(
    graph: Graph,
    layer: Any,
    query: Value,
    value: Value,
    key: Value | None = None,
    query_mask: Value | None = None,
    value_mask: Value | None = None,
    key_mask: Value | None = None,
    attention_mask: Value | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Value | tuple[Value, Value]:
    """Several attentions side by side. Keras takes the query's mask from the query itself."""
    if any(one.rank != 3 for one in (query, value)):
        masked = any(one is not None for one in (query.mask, value_mask, key_mask, attention_mask))
        if masked or use_causal_mask or return_attention_scores:
            raise Refused("attention over several axes, with a mask or with its scores")
        return _over_several_axes(graph, layer, query, value, key or value)
    attention_mask = None if attention_mask is None else _as_mask(graph, attention_mask)
    if isinstance(layer, keras.layers.MultiHeadAttention):
        graph.take_mask(query, value, key or value)
    q = einsum_dense(graph, layer._query_dense, query)
    k, v = (_repeated(graph, layer, one) for one in _projected(graph, layer, key or value, value))
    scores = _scores(graph, q, k, _setting(layer, "inverse_sqrt_key_dim", "inverse_sqrt_head_dim"))
    window = _setting(layer, "sliding_window")
    allowed = [
        *_spread(graph, query.mask, (1, 3)),
        *_spread(graph, value_mask, (1, 2)),
        *_spread(graph, key_mask, (1, 2)),
        *_spread(
            graph, attention_mask, (1,) if attention_mask is not None and attention_mask.rank == 3 else ()
        ),
        *([no_later(graph, scores)] if use_causal_mask else []),
        *([_near(graph, scores, window)] if window else []),
    ]
    weights = _weights(graph, layer, scores, allowed, explicit=return_attention_scores)
    attended = _by_step(
        graph, graph.op("MatMul", weights, _turned(graph, v), shape=(*weights.shape[:3], v.shape[3]))
    )
    if _setting(layer, "use_gate"):
        attended = graph.op("Mul", attended, einsum_dense(graph, layer._gate_dense, query))
    output = einsum_dense(graph, layer._output_dense, attended)
    return (output, weights) if return_attention_scores else output


def _over_several_axes(graph: Graph, layer: Any, query: Value, value: Value, key: Value) -> Value:
    """What is attended over becomes one axis of steps; what is not becomes rows, like those there are."""
    axes = [axis % query.rank for axis in layer._attention_axes]
    if axes != list(range(query.rank - 1 - len(axes), query.rank - 1)):
        raise Refused(
            f"attention over axes {axes} of {query.rank}; expected the last ones before the features"
        )
    q, v, k = (_with_one_axis(graph, one, len(axes)) for one in (query, value, key))
    q, k, v = (
        einsum_dense(graph, dense, one, equation="abc,cde->abde")
        for dense, one in ((layer._query_dense, q), (layer._key_dense, k), (layer._value_dense, v))
    )
    scores = _scores(graph, q, k, layer._inverse_sqrt_key_dim)
    weights = _weights(graph, layer, scores, [], explicit=False)
    product = graph.op("MatMul", weights, _turned(graph, v), shape=(*weights.shape[:3], v.shape[3]))
    kernel = layer._output_dense.kernel.shape
    equation = "abcd,cde->abe" if len(kernel) == 3 else "abcd,cdef->abef"
    output = einsum_dense(graph, layer._output_dense, _by_step(graph, product), equation=equation)
    sizes = graph.op("Shape", query, shape=(query.rank - 1,), dtype="int64", end=query.rank - 1)
    target = graph.op("Concat", sizes, graph.ints(*kernel[2:]), axis=0)
    return graph.op("Reshape", output, target, shape=(*query.shape[:-1], *kernel[2:]))


def _with_one_axis(graph: Graph, x: Value, count: int) -> Value:
    """(rows, steps, features), the steps being the last `count` axes before the features."""
    x = graph.plain(x)
    steps = x.shape[-1 - count : -1]
    if None in steps or x.shape[-1] is None:
        raise Refused(f"attention over several axes of free sizes: {x.shape}")
    size = int(np.prod([size for size in steps if size is not None]))
    return graph.op("Reshape", x, graph.ints(-1, size, x.shape[-1]), shape=(None, size, x.shape[-1]))


def _as_mask(graph: Graph, mask: Any) -> Value:
    """A mask as a value; a constant may be given too."""
    return mask if isinstance(mask, Value) else graph.constant(as_numpy(mask))


@converts(keras.layers.Attention, keras.layers.AdditiveAttention)
def without_heads(
    graph: Graph,
    layer: Any,
    inputs: Sequence[Value],
    mask: Sequence[Value | None] | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Value | tuple[Value, Value]:
    """Query, value and key (the value if there is none) of (rows, steps, features)."""
    query, value, *rest = (graph.plain(one) for one in inputs)
    scores = _plain_scores(graph, layer, query, rest[0] if rest else value)
    query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
    allowed = [*_spread(graph, value_mask, (1,)), *([no_later(graph, scores)] if use_causal_mask else [])]
    if allowed:
        beyond = scalar(graph, 65504.0 if scores.dtype == "float16" else 1.0e9, scores)
        scores = graph.op(
            "Where", _all(graph, allowed), scores, graph.op("Sub", scores, beyond), **_like(scores)
        )
    weights = graph.op("Softmax", scores, axis=2)
    output = graph.op("MatMul", weights, value, shape=(*query.shape[:2], value.shape[2]))
    for counted in _spread(graph, query_mask, (2,)):
        output = graph.op("Where", counted, output, scalar(graph, 0, output), **_like(output))
    return (output, weights) if return_attention_scores else output


@masks(keras.layers.Attention, keras.layers.AdditiveAttention)
def attended_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Value | None:
    """The query's own mask."""
    return mask[0] if mask else None


def no_later(graph: Graph, scores: Value) -> Value:
    """True where the key's step is not after the query's; the numbers of steps may be free."""
    rows, columns = _places(graph, scores)
    return graph.op("GreaterOrEqual", rows, columns, shape=(None, None), dtype="bool")


def masked_scores(graph: Graph, scores: Value, allowed: Sequence[Value]) -> Value:
    """Large negative numbers where attention is not allowed, the same one that Keras takes."""
    if not allowed:
        return scores
    low = scalar(graph, _LOW.get(scores.dtype, -0.7 * 3.38953e38), scores)
    return graph.op("Where", _all(graph, allowed), scores, low, **_like(scores))


def _weights(graph: Graph, layer: Any, scores: Value, allowed: Sequence[Value], *, explicit: bool) -> Value:
    """Keras has two ways; they differ where nothing is allowed: even weights, or none."""
    if not (explicit or _setting(layer, "dropout")) or not allowed:
        return graph.op("Softmax", masked_scores(graph, scores, allowed), axis=3)
    which = _all(graph, allowed)
    low = scalar(graph, _SOFTMAX_LOW.get(scores.dtype, float(np.finfo(np.float32).min) / 2), scores)
    weights = graph.op("Softmax", graph.op("Where", which, scores, low, **_like(scores)), axis=3)
    return graph.op("Where", which, weights, scalar(graph, 0, weights), **_like(weights))


def _setting(layer: Any, *names: str) -> Any:
    """A setting of either attention; the two differ in what they call theirs and in what they hide."""
    found = (getattr(layer, prefix + name, None) for name in names for prefix in ("", "_"))
    return next((value for value in found if value is not None), None)


def _projected(graph: Graph, layer: Any, key: Value, value: Value) -> tuple[Value, Value]:
    return einsum_dense(graph, layer._key_dense, key), einsum_dense(graph, layer._value_dense, value)


def _repeated(graph: Graph, layer: Any, x: Value) -> Value:
    """Each head as often as a grouped attention shares it."""
    times = getattr(layer, "num_repeats", 1)
    if times == 1:
        return x
    heads = np.repeat(np.arange(x.shape[2] or 0), times)
    return graph.op(
        "Gather", x, graph.ints(*heads.tolist()), shape=(*x.shape[:2], len(heads), x.shape[3]), axis=2
    )


def _scores(graph: Graph, query: Value, key: Value, scale: float) -> Value:
    """Scaled products of (rows, steps, heads, features)."""
    q = _turned(graph, query)
    k = graph.op("Transpose", key, shape=tuple(key.shape[axis] for axis in (0, 2, 3, 1)), perm=[0, 2, 3, 1])
    products = graph.op("MatMul", q, k, shape=(*q.shape[:3], k.shape[3]))
    return graph.op("Mul", products, scalar(graph, scale, products))


def _plain_scores(graph: Graph, layer: Any, query: Value, key: Value) -> Value:
    shape = (*query.shape[:2], key.shape[1])
    additive = isinstance(layer, keras.layers.AdditiveAttention)
    scale = None if layer.scale is None else graph.weight(layer.scale, "scale", dtype=query.dtype)
    if layer.score_mode == "dot" and not additive:
        turned = graph.op("Transpose", key, shape=(key.shape[0], key.shape[2], key.shape[1]), perm=[0, 2, 1])
        products = graph.op("MatMul", query, turned, shape=shape)
        return products if scale is None else graph.op("Mul", products, scale)
    left = graph.op("Unsqueeze", query, graph.ints(2), shape=(*query.shape[:2], 1, query.shape[2]))
    right = graph.op("Unsqueeze", key, graph.ints(1), shape=(key.shape[0], 1, *key.shape[1:]))
    total = graph.op("Add", left, right, shape=(*shape, query.shape[2]))
    if additive:
        bent = graph.op("Tanh", total)
        bent = graph.op("Mul", bent, scale) if scale and layer.use_scale else bent
        return graph.op("ReduceSum", bent, graph.ints(3), shape=shape, keepdims=0)
    bent = graph.op("Tanh", graph.op("Mul", total, scale) if scale else total)
    summed = graph.op("ReduceSum", bent, graph.ints(3), shape=shape, keepdims=0)
    return graph.op("Mul", summed, graph.weight(layer.concat_score_weight, "weight", dtype=query.dtype))


def _spread(graph: Graph, mask: Value | None, axes: tuple[int, ...]) -> list[Value]:
    """The mask with new axes, if there is one."""
    if mask is None:
        return []
    mask = graph.cast(mask, "bool")
    shape = list(mask.shape)
    for axis in axes:
        shape.insert(axis, 1)
    return [graph.op("Unsqueeze", mask, graph.ints(*axes), shape=tuple(shape)) if axes else mask]


def _all(graph: Graph, allowed: Sequence[Value]) -> Value:
    return reduce(lambda left, right: graph.op("And", left, right), allowed)


def _near(graph: Graph, scores: Value, window: int) -> Value:
    """True where the steps are less than `window` apart."""
    rows, columns = _places(graph, scores)
    apart = graph.op("Abs", graph.op("Sub", rows, columns, shape=(None, None)))
    return graph.op("Less", apart, graph.constant(np.asarray(window, np.int64)), dtype="bool")


def _places(graph: Graph, scores: Value) -> tuple[Value, Value]:
    """The numbers of the query's steps, upright, and of the key's steps."""
    zero, one = (graph.constant(np.asarray(number, np.int64)) for number in (0, 1))
    steps = []
    for axis in (scores.rank - 2, scores.rank - 1):
        size = graph.op("Shape", scores, shape=(1,), dtype="int64", start=axis, end=axis + 1)
        count = graph.op("Squeeze", size, graph.ints(0), shape=())
        steps.append(graph.op("Range", zero, count, one, shape=(None,)))
    return graph.op("Unsqueeze", steps[0], graph.ints(1), shape=(None, 1)), steps[1]


def _turned(graph: Graph, x: Value) -> Value:
    """Heads before steps."""
    shape = (x.shape[0], x.shape[2], x.shape[1], x.shape[3])
    return graph.op("Transpose", x, shape=shape, perm=[0, 2, 1, 3])


_by_step = _turned


def _like(x: Value) -> dict[str, Any]:
    return {"shape": x.shape, "dtype": x.dtype}
