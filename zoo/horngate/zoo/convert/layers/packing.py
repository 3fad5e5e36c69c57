"""Masked sequences packed for operators that know no masks."""

from dataclasses import dataclass

import numpy as np

from horngate.zoo.convert.graph import Graph, Value

_START, _END = 2**31 - 1, -(2**31)
"""A slice backwards over a whole axis."""


@dataclass(frozen=True, kw_only=True)
class Pack:
    """How one mask (rows, steps) packs its sequences.

    `order` (rows, steps) has the steps that count, as they run, then the others, for which `tail` is true.
    `source` (rows, steps) is the packed step whose output Keras has at each step: the last one that counted;
    `seen` says whether there was one. `final` (rows, 1) is the last packed step that counts; `any_step`
    (rows, 1) says whether one does.
    """

    mask: Value
    order: Value
    tail: Value
    source: Value
    seen: Value
    final: Value
    any_step: Value


def pack(graph: Graph, mask: Value, *, backwards: bool) -> Pack:
    """Work out the packing of a boolean mask, for a layer that runs over the steps forwards or backwards."""
    zero, one = (graph.constant(np.asarray(number), dtype="int32") for number in (0, 1))
    along = graph.constant(np.asarray(1, np.int64))
    ones = graph.cast(mask, "int32")
    counted = graph.op("CumSum", ones, along, reverse=int(backwards))
    place = graph.op("CumSum", graph.op("Add", graph.op("Mul", ones, zero), one), along)
    total = graph.op("ReduceSum", ones, graph.ints(1), shape=(mask.shape[0], 1))
    return Pack(
        mask=mask,
        order=_order(graph, ones, place, backwards),
        tail=graph.op("Greater", place, total, dtype="bool"),
        source=_from_zero(graph, counted),
        seen=graph.op("Greater", counted, zero, dtype="bool"),
        final=_from_zero(graph, total),
        any_step=graph.op("Greater", total, zero, dtype="bool"),
    )


def _order(graph: Graph, ones: Value, place: Value, backwards: bool) -> Value:
    """The steps sorted: those that count rank above all others, those that run earlier above later ones."""
    shape = graph.op("Shape", ones, dtype="int64", shape=(1,), start=1, end=2)
    above = graph.op("Mul", ones, graph.cast(shape, "int32"))
    rank = graph.cast(graph.op("Add" if backwards else "Sub", above, place), "float32")
    _, order = graph.ops("TopK", [rank, shape], outputs=2, axis=1, largest=1, sorted=1, dtype="int64")
    return order


def _from_zero(graph: Graph, counted: Value) -> Value:
    """Numbers of things as positions, none below zero."""
    zero, one = (graph.constant(np.asarray(number), dtype="int32") for number in (0, 1))
    return graph.cast(graph.op("Max", graph.op("Sub", counted, one), zero), "int64")


def packed(graph: Graph, pack: Pack, x: Value) -> Value:
    """The steps of `x` (rows, steps, features), those that count at the front."""
    return _take(graph, x, pack.order)


def unpacked(graph: Graph, pack: Pack, outputs: Value, *, zeros: bool) -> Value:
    """Packed outputs back at their steps. Steps that do not count repeat the last output, or are zero."""
    spread = _take(graph, outputs, pack.source)
    valid = pack.mask if zeros else pack.seen
    valid = graph.op("Unsqueeze", valid, graph.ints(2), shape=(*valid.shape, 1))
    nothing = graph.constant(np.asarray(0), dtype=outputs.dtype)
    return graph.op("Where", valid, spread, nothing, shape=outputs.shape, dtype=outputs.dtype)


def final_output(graph: Graph, pack: Pack, outputs: Value) -> Value:
    """The packed output of the last step that counts (rows, units)."""
    last = _take(graph, outputs, pack.final)
    return graph.op("Squeeze", last, graph.ints(1), shape=(outputs.shape[0], outputs.shape[2]))


def one_step(graph: Graph, x: Value, place: int) -> Value:
    """One of the steps of (rows, steps, features)."""
    which = graph.constant(np.asarray(place, np.int64))
    return graph.op("Gather", x, which, shape=(x.shape[0], *x.shape[2:]), axis=1)


def flip(graph: Graph, x: Value) -> Value:
    """The steps in the opposite order."""
    return graph.op("Slice", x, graph.ints(_START), graph.ints(_END), graph.ints(1), graph.ints(-1))


def _take(graph: Graph, x: Value, steps: Value) -> Value:
    """`x[row, steps[row, i]]` for (rows, steps, features)."""
    indices = graph.op("Unsqueeze", steps, graph.ints(2), shape=(*steps.shape, 1))
    return graph.op("GatherND", x, indices, batch_dims=1)
