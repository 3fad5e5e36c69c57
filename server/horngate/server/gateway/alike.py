"""Calls of one plan that leave in one frame: told to the worker as one item, and answered as one.

See the worker's alike.py for what it does with them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from horngate.server.frames.channel import Payload
from horngate.server.gateway.infer import Call
from horngate.server.gateway.tensors import Raw


def may_join(call: Call) -> bool:
    """Whether a call differs from the others of its plan in nothing but its contents and its deadline."""
    plan = call.writer
    return (
        plan is not None
        and plan.joins
        and plan.entry is call.entry
        and not call.deaths
        and call.trace is None
    )


def joined(calls: Sequence[Call]) -> list[bytes]:
    """The contents of each input, of all calls one after the other."""
    return [
        b"".join(raws) for raws in zip(*([raw for _, raw in call.tensors] for call in calls), strict=True)
    ]


def written(calls: Sequence[Call], payloads: Sequence[Payload]) -> list[Any]:
    """The frame; see the worker's Alike."""
    first = calls[0]
    deadlines_s = [call.deadline_s for call in calls]
    tensors = [
        ([shape[0] * len(calls), *shape[1:]], payload)
        for (shape, _), payload in zip(first.tensors, payloads, strict=True)
    ]
    return [
        [call.number for call in calls],
        first.entry.handle,
        first.outputs,
        first.rows,
        deadlines_s if any(deadlines_s) else [],
        first.priority,
        tensors,
    ]


def parted(
    shapes: Sequence[list[int]], raws: Sequence[Raw], parts: int
) -> Iterator[tuple[list[list[int]], list[Raw]]]:
    """Each call's shapes and contents, of outputs that are of all calls together."""
    own_shapes = [[shape[0] // parts, *shape[1:]] for shape in shapes]
    sizes = [len(raw) // parts for raw in raws]
    for place in range(parts):
        own = [raw[place * size : (place + 1) * size] for raw, size in zip(raws, sizes, strict=True)]
        yield own_shapes, own
