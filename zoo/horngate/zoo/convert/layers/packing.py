"""Masked sequences packed for operators that know only a length for each row."""

from dataclasses import dataclass

import numpy as np
from horngate.zoo.convert.graph import Graph, Value

_START, _END = 2**31 - 1, -(2**31)
"""A slice backwards over a whole axis."""


@dataclass(frozen=True, kw_only=True)
class Pack:
    """How one mask (rows, steps) packs its sequences.

    `order` (rows, steps) has the steps that count, in order, then the others. `source` (rows, steps) is the
    packed step whose output Keras has at each step: the last one that counted. `lengths` (rows,) are at least
    one, because engines disagree about zero; `any_step` (rows, 1) says which rows have a step that counts.
    `seen` (rows, steps) says whether some step counted so far.
    """

    mask: Value
    order: Value
    source: Value
    lengths: Value
    any_step: Value
    seen: Value


def pack(graph: Graph, mask: Value) -> Pack:
    """Work out the packing of a boolean mask."""
    ones = graph.cast(mask, "int32")
    zero, one = (graph.constant(np.asarray(number), dtype="int32") for number in (0, 1))
    counted = graph.op("CumSum", ones, graph.constant(np.asarray(1, np.int64)))
    steps = graph.op("Gather", graph.op("Shape", mask, dtype="int64", shape=(2,)), graph.ints(1), shape=(1,))
    place = graph.op(
        "CumSum", graph.op("Add", graph.op("Mul", ones, zero), one), graph.constant(np.asarray(1, np.int64))
    )
    wide = graph.op("Mul", ones, graph.cast(steps, "int32"), shape=mask.shape)
    rank = graph.cast(graph.op("Sub", wide, place), "float32")
    _, order = graph.ops("TopK", [rank, steps], outputs=2, axis=1, largest=1, sorted=1, dtype="int64")
    total = graph.op("ReduceSum", ones, graph.ints(1), shape=(mask.shape[0],), keepdims=0)
    return Pack(
        mask=mask,
        order=order,
        source=graph.cast(graph.op("Max", graph.op("Sub", counted, one), zero), "int64"),
        lengths=graph.op("Max", total, one),
        any_step=graph.op(
            "Unsqueeze",
            graph.op("Greater", total, zero, dtype="bool"),
            graph.ints(1),
            shape=(mask.shape[0], 1),
        ),
        seen=graph.op("Greater", counted, zero, dtype="bool"),
    )


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


def last_step(graph: Graph, x: Value) -> Value:
    """The last of the steps of (rows, steps, features)."""
    last = graph.constant(np.asarray(-1, np.int64))
    return graph.op("Gather", x, last, shape=(x.shape[0], *x.shape[2:]), axis=1)


def flip(graph: Graph, x: Value) -> Value:
    """The steps in the opposite order."""
    return graph.op("Slice", x, graph.ints(_START), graph.ints(_END), graph.ints(1), graph.ints(-1))


def _take(graph: Graph, x: Value, steps: Value) -> Value:
    """`x[row, steps[row, i]]` for (rows, steps, features)."""
    indices = graph.op("Unsqueeze", steps, graph.ints(2), shape=(*steps.shape, 1))
    return graph.op("GatherND", x, indices, batch_dims=1)
