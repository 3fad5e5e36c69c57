"""Shapes of element-wise results."""

from horngate.zoo.convert.graph import Value


def broadcast(left: Value, right: Value) -> tuple[int | None, ...]:
    """The shape of an element-wise result."""
    rank = max(left.rank, right.rank)
    pairs = zip((1,) * (rank - left.rank) + left.shape, (1,) * (rank - right.rank) + right.shape, strict=True)
    return tuple(b if a == 1 else a if b == 1 or a is not None else b for a, b in pairs)
