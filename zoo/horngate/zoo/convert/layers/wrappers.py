"""Layers around a layer: both directions, and each step by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.calling import call_inside
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import convolutional_recurrent, packing, recurrent
from horngate.zoo.convert.layers.running import Ran
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
    ahead = _run(graph, layer.forward_layer, x, ahead_state, mask)
    back = _run(graph, layer.backward_layer, x, back_state, mask)
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
    inner = layer.layer
    if any(getattr(one, "stateful", False) for one in inner._flatten_layers()):
        raise Refused(f"its inner {type(inner).__name__} keeps a state from step to step")
    if inner.compute_dtype != layer.compute_dtype:
        raise Refused(f"its inner layer computes in {inner.compute_dtype}, it in {layer.compute_dtype}")
    x = graph.plain(x)
    flat = _merged(graph, x)
    if mask is not None and mask.rank > 2 and inner._call_has_mask_arg:
        flat = replace(flat, mask=_merged(graph, mask))
    y = graph.plain(call_inside(graph, inner, flat))
    steps = graph.op("Shape", x, shape=(2,), dtype="int64", start=0, end=2)
    sizes = _sizes(graph, y, 1)
    target = graph.op("Concat", steps, sizes, axis=0) if y.rank > 1 else steps
    return graph.op("Reshape", y, target, shape=(*x.shape[:2], *y.shape[1:]))


def _merged(graph: Graph, x: Value) -> Value:
    """Rows and steps as one axis."""
    target = graph.op("Concat", graph.ints(-1), _sizes(graph, x, 2), axis=0) if x.rank > 2 else graph.ints(-1)
    return graph.op("Reshape", x, target, shape=(None, *x.shape[2:]))


def _sizes(graph: Graph, x: Value, first: int) -> Value:
    """The sizes from an axis on, known or not."""
    sizes = x.shape[first:]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes):
        return graph.ints(*known)
    return graph.op("Shape", x, shape=(len(sizes),), dtype="int64", start=first)


def _run(graph: Graph, layer: Any, x: Value, states: Sequence[Value] | None, mask: Value | None) -> Ran:
    """One of the directions. Subclasses may compute something else."""
    if type(layer) in recurrent.LAYERS:
        return recurrent.run(graph, layer, x, states, mask)
    if type(layer) in convolutional_recurrent.LAYERS:
        return convolutional_recurrent.run(graph, layer, x, states, mask)
    raise Refused(f"its inner layer is a {type(layer).__name__}; expected a recurrent layer of Keras's own")


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
