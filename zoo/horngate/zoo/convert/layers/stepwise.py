"""Recurrent layers run step by step: a loop whose body is the cell.

For cells of users, and for what ONNX's recurrent operators cannot say. A step that is masked leaves the states
as they were; its output is the one before it, or zeros.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from horngate.zoo.convert.calling import call_layer
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import scalar
from horngate.zoo.convert.layers.running import Ran, first_states
from horngate.zoo.convert.registry import Refused, converts
from horngate.zoo.convert.tracing import traced_layer

converts(
    keras.layers.LSTMCell,
    keras.layers.GRUCell,
    keras.layers.SimpleRNNCell,
    keras.layers.StackedRNNCells,
)(traced_layer)

Step = Callable[[Value, list[Value]], tuple[Value, list[Value]]]
"""The output and the next states, from an input and the states."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """How a layer goes over its steps."""

    backwards: bool
    zeros: bool

    @property
    def direction(self) -> int:
        """The direction as ONNX counts it."""
        return int(self.backwards)


def run(graph: Graph, layer: Any, x: Value, states: Sequence[Value], mask: Value | None) -> Ran:
    """Run a layer's cell over the steps of `x` from these states, flat; from its own first ones if none."""
    cell = layer.cell
    if not isinstance(cell, keras.Layer):
        raise Refused(f"its cell, {type(cell).__name__}, is not a layer")
    structure = layer.get_initial_state(batch_size=1)

    def step(at: Value, before: list[Value]) -> tuple[Value, list[Value]]:
        output, *after = call_layer(graph, cell, (at, keras.tree.pack_sequence_as(structure, before)), {})
        return output, after

    begin = list(states) or beginning(graph, layer, x)
    loop = Loop(backwards=layer.go_backwards, zeros=getattr(layer, "zero_output_for_mask", False))
    return over_steps(graph, step, x, begin, mask, loop)


def beginning(graph: Graph, layer: Any, x: Value) -> list[Value]:
    """A layer's first states for as many rows as `x` has."""
    rows = graph.op("Shape", x, shape=(1,), dtype="int64", start=0, end=1)
    made = []
    for one in first_states(layer):
        shape = graph.op("Concat", rows, graph.ints(*[1] * (one.ndim - 1)), shape=(one.ndim,), axis=0)
        start = graph.constant(one, dtype=layer.cell.compute_dtype)
        made.append(graph.op("Expand", start, shape, shape=(None, *one.shape[1:])))
    return made


def over_steps(
    graph: Graph, step: Step, x: Value, states: Sequence[Value], mask: Value | None, loop: Loop
) -> Ran:
    """A Scan over the steps of `x` (rows, steps, …) and of the mask (rows, steps)."""
    outer = [x] if mask is None else [x, graph.cast(mask, "bool")]
    held = list(states)
    if mask is not None and not loop.zeros:
        held.append(_no_output(graph, step, x, states))
    kinds = [("state", one) for one in held]
    inside = [(kind, (None, *one.shape[1:]), one.dtype) for kind, one in kinds]
    inside += [("step", (one.shape[0], *one.shape[2:]), one.dtype) for one in outer]
    with graph.body(inside) as (body, values):
        before, at = values[: len(states)], values[len(held)]
        output, after = step(at, before)
        output = graph.plain(output)
        if mask is not None:
            past = values[len(states)] if not loop.zeros else scalar(graph, 0, output)
            output = _where(graph, values[-1], output, past)
            after = [_where(graph, values[-1], graph.plain(n), o) for n, o in zip(after, before, strict=True)]
        after = [graph.cast(new, old.dtype) for new, old in zip(after, before, strict=True)]
        for one in [*after, *([output] if len(held) > len(states) else []), output]:
            graph.body_output(body, one)
    return _scanned(graph, body, held, outer, output, len(states), loop)


def _scanned(
    graph: Graph,
    body: Any,
    held: Sequence[Value],
    outer: Sequence[Value],
    output: Value,
    count: int,
    loop: Loop,
) -> Ran:
    made = graph.ops(
        "Scan",
        [*held, *outer],
        outputs=len(held) + 1,
        body=body,
        num_scan_inputs=len(outer),
        scan_input_axes=[1] * len(outer),
        scan_input_directions=[loop.direction] * len(outer),
        scan_output_axes=[1],
        scan_output_directions=[loop.direction],
    )
    finals = [replace(one, shape=was.shape, dtype=was.dtype) for one, was in zip(made, held, strict=False)]
    shape = (*outer[0].shape[:2], *output.shape[1:])
    outputs = replace(made[-1], shape=shape, dtype=output.dtype)
    place = graph.constant([0 if loop.backwards else -1], dtype="int64")
    last = graph.op("Gather", outputs, place, shape=(shape[0], 1, *shape[2:]), axis=1)
    last = graph.op("Squeeze", last, graph.ints(1), shape=(shape[0], *shape[2:]))
    return Ran(outputs=outputs, last=last, states=tuple(finals[:count]))


def _no_output(graph: Graph, step: Step, x: Value, states: Sequence[Value]) -> Value:
    """Zeros like an output, for the steps before the first that counts."""
    first = graph.op("Gather", x, graph.constant(0, dtype="int64"), shape=(x.shape[0], *x.shape[2:]), axis=1)
    output = graph.plain(step(replace(first, mask=None), list(states))[0])
    shape = graph.op("Shape", output, shape=(output.rank,), dtype="int64")
    return graph.op("Expand", scalar(graph, 0, output), shape, shape=output.shape)


def _where(graph: Graph, mask: Value, new: Value, old: Value) -> Value:
    """The new value in the rows whose step counts."""
    extra = range(mask.rank, new.rank)
    shape = (*mask.shape, *(1 for _ in extra))
    counts = graph.op("Unsqueeze", mask, graph.ints(*extra), shape=shape) if extra else mask
    return graph.op("Where", counts, new, old, shape=new.shape, dtype=new.dtype)
