"""Layers that make more of one row than a machine has room for, by the shapes of their outputs."""

from collections.abc import Iterator, Mapping
from math import prod

from horngate.contract.tensors import shape_text
from horngate.zoo.safety import Danger, Finding

ROW_BYTES = 4 << 30
_WIDTH = 4


def large_rows(
    shapes: Mapping[str, tuple[int | None, ...]], allowed_bytes: int = ROW_BYTES
) -> Iterator[Finding]:
    """A finding for each layer whose output of one row takes more. Axes that a request chooses count as one."""
    for name, shape in shapes.items():
        taken = prod(size or 1 for size in shape[1:]) * _WIDTH
        if taken > allowed_bytes:
            yield Finding(
                danger=Danger.SIZE,
                where=f"layer '{name}'",
                what=f"makes {shape_text(shape)} of its input, {taken:,} bytes a row; expected at most "
                f"{allowed_bytes:,}",
                remedy="correct the sizes of the layers before it, or give the builder more memory",
            )
