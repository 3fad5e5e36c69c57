"""The memory that a model will need, from what its file tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from horngate.zoo.inspection.architecture import Layer
from horngate.zoo.inspection.weights import Stored

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


def memory_of(layers: Sequence[Layer], stored: Stored) -> Memory:
    """What the weights take, and what one row takes besides."""
    shapes = [layer.output_shape for layer in layers if layer.output_shape]
    row = sum(prod(size or 1 for size in shape[1:]) * _WIDTH for shape in shapes)
    enough = len(shapes) * 2 > len(layers)
    return Memory(
        weights_bytes=stored.bytes,
        row_bytes=row if enough else None,
        layers_told=len(shapes),
        layers=len(layers),
    )
