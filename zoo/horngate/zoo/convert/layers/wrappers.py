"""Layers around a layer: both directions, and each step by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.calling import call_inside
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import packing
from horngate.zoo.convert.layers.recurrent import Ran, run
from horngate.zoo.convert.registry import Refused, converts, masks


@converts(keras.layers.Bidirectional)
def bidirectional(
    graph: Graph,
    layer: Any,
    x: Value,
    initial_state: Sequence[Value] | None = None,
    mask: Value | None = None,
) -> Value | tuple[Value, ...]:
    """Two runs over the steps, merged step by step."""
    half = len(initial_state) // 2 if initial_state else 0
    ahead_state = initial_state[:half] if initial_state else None
    back_state = initial_state[half:] if initial_state else None
    ahead = run(graph, layer.forward_layer, x, ahead_state, mask)
    back = run(graph, layer.backward_layer, x, back_state, mask)
    merged = _merge(graph, layer, _output(layer.forward_layer, ahead), _output(layer.backward_layer, back))
    if layer.return_sequences and layer.forward_layer.go_backwards:
        merged = tuple(packing.flip(graph, one) for one in merged)
    states = (*ahead.states, *back.states) if layer.return_state else ()
    outputs = (*merged, *states)
    return outputs if len(outputs) > 1 else outputs[0]


@masks(keras.layers.Bidirectional)
def bidirectional_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Any:
    """The steps' own mask, once for each output that has steps."""
    given = mask if layer.return_sequences else None
    return [given, given] if not layer.merge_mode else given


@converts(keras.layers.TimeDistributed)
def time_distributed(graph: Graph, layer: Any, x: Value, mask: Value | None = None) -> Value:
    """Steps become rows for the inner layer, and steps again after it."""
    if mask is not None and layer.layer._call_has_mask_arg:
        raise Refused(f"its inner {type(layer.layer).__name__} takes the mask step by step")
    x = graph.plain(x)
    sizes = x.shape[2:]
    if None in sizes:
        raise Refused(f"its steps have free sizes {sizes}")
    flat = replace(graph.op("Reshape", x, graph.ints(-1, *_known(sizes)), shape=(None, *sizes)), mask=None)
    inner = graph.plain(call_inside(graph, layer.layer, flat))
    if None in inner.shape[1:]:
        raise Refused(f"its inner layer's output has free sizes {inner.shape[1:]}")
    steps = graph.op("Shape", x, shape=(2,), dtype="int64", start=0, end=2)
    target = graph.op("Concat", steps, graph.ints(*_known(inner.shape[1:])), axis=0)
    return graph.op("Reshape", inner, target, shape=(*x.shape[:2], *inner.shape[1:]))


def _known(sizes: Sequence[int | None]) -> list[int]:
    return [size for size in sizes if size is not None]


def _output(layer: Any, ran: Ran) -> Value:
    return ran.outputs if layer.return_sequences else ran.last


def _merge(graph: Graph, layer: Any, ahead: Value, back: Value) -> tuple[Value, ...]:
    mode = layer.merge_mode
    if mode is None:
        return ahead, back
    if mode == "concat":
        units = (ahead.shape[-1] or 0) + (back.shape[-1] or 0)
        return (graph.op("Concat", ahead, back, shape=(*ahead.shape[:-1], units), axis=ahead.rank - 1),)
    if mode == "mul":
        return (graph.op("Mul", ahead, back),)
    total = graph.op("Add", ahead, back)
    if mode == "sum":
        return (total,)
    return (graph.op("Mul", total, graph.constant(np.asarray(0.5), dtype=total.dtype)),)
