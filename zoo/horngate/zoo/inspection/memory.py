"""The memory that a model will need, from what its file tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

_WIDTH = 4
"""Bytes of a number in an activation."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """`weights_bytes` is stored. `row_bytes` is an estimate: every layer's output for one row, kept at once.

    Engines keep fewer at a time, and need buffers beside. None where the file tells too few shapes; of the layers
    `layers_told` of `layers` tell theirs. Axes whose size a request chooses count as one.
    """

    weights_bytes: int
    row_bytes: int | None
    layers_told: int
    layers: int


def memory_of(shapes: Sequence[tuple[int | None, ...] | None], weights_bytes: int) -> Memory:
    """What the weights take, and what one row takes besides, by the layers' output shapes."""
    told = [shape for shape in shapes if shape]
    row = sum(prod(size or 1 for size in shape[1:]) * _WIDTH for shape in told)
    return Memory(
        weights_bytes=weights_bytes,
        row_bytes=row if len(told) * 2 > len(shapes) else None,
        layers_told=len(told),
        layers=len(shapes),
    )
