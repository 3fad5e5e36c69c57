"""Merges that leave masked positions out: Multiply, Maximum and Minimum do, Add does not."""

from collections.abc import Sequence

import numpy as np

from horngate.zoo.convert.broadcasting import broadcast
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused


def merge_unmasked(graph: Graph, kind: str, values: Sequence[Value]) -> Value:
    """`kind` is Mul, Max or Min; the values have one rank and one dtype, some of them a mask."""
    plain = [graph.plain(x) for x in values]
    return _product(graph, plain) if kind == "Mul" else _extreme(graph, kind, plain)


def _product(graph: Graph, values: Sequence[Value]) -> Value:
    """Masked factors are one; where every factor is masked, the product is zero."""
    one, zero = (graph.constant(np.asarray(number), dtype=values[0].dtype) for number in (1, 0))
    product, counted = None, None
    for x in values:
        mask = _across(graph, x)
        factor = x if mask is None else _choose(graph, mask, x, one)
        product = factor if product is None else _merged(graph, "Mul", product, factor)
        counted = mask if counted is None or mask is None else _merged(graph, "Or", counted, mask)
    if counted is None or product is None or any(x.mask is None for x in values):
        return product or values[0]
    return _choose(graph, counted, product, zero)


def _extreme(graph: Graph, kind: str, values: Sequence[Value]) -> Value:
    """Of two, a masked one gives way to the other; there is no number that could stand for it."""
    output, counted = values[0], _across(graph, values[0])
    for x in values[1:]:
        mask = _across(graph, x)
        x = x if mask is None else _choose(graph, mask, x, output)
        output = output if counted is None else _choose(graph, counted, output, x)
        counted = None if mask is None or counted is None else _merged(graph, "Or", counted, mask)
        output = _merged(graph, kind, output, x)
    return output


def _across(graph: Graph, x: Value) -> Value | None:
    """The mask of `x` with an axis for the features."""
    if x.mask is None:
        return None
    if x.mask.rank != x.rank - 1:
        raise Refused(f"its mask has {x.mask.rank} axes, its input {x.rank}; expected one less")
    return graph.op("Unsqueeze", x.mask, graph.ints(-1), shape=(*x.mask.shape, 1))


def _choose(graph: Graph, mask: Value, x: Value, other: Value) -> Value:
    return graph.op("Where", mask, x, other, shape=broadcast(x, other), dtype=x.dtype)


def _merged(graph: Graph, kind: str, left: Value, right: Value) -> Value:
    return graph.op(kind, left, right, shape=broadcast(left, right))
