"""Calls of one plan that leave in one frame: told to the worker as one item, and answered as one.

Their contents lie one behind the other, so that what is to be merged is merged already. See the worker's alike.py
for what it does with them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from horngate.server.frames.channel import Payload
from horngate.server.gateway.infer import Call
from horngate.server.gateway.regions import Place
from horngate.server.gateway.tensors import Raw

MOST_BYTES = 32 << 20
"""What calls that leave together hold at the most, contents and answers: it is given back when all are answered."""


def may_join(call: Call) -> bool:
    """Whether a call differs from the others of its plan in nothing but its contents and its deadline."""
    plan = call.writer
    return plan is not None and plan.entry is call.entry and not call.deaths and call.trace is None


def groups(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """The calls of one plan in groups that are to leave together."""
    most = max(1, MOST_BYTES // max(1, _bytes(calls[0])))
    return (calls[start : start + most] for start in range(0, len(calls), most))


def _bytes(call: Call) -> int:
    """What one of them holds."""
    asked = [call.entry.output(name) for name in call.outputs] or call.entry.spec.outputs
    sent = sum(raw.byte_size if isinstance(raw, Place) else len(raw) for _, raw in call.tensors)
    return sent + call.rows * sum(spec.row_bytes for spec in asked)


def contents(calls: Sequence[Call]) -> list[tuple[Raw | Place, ...]]:
    """The contents of each input, those of all calls."""
    return list(zip(*([raw for _, raw in call.tensors] for call in calls), strict=True))


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
        first.pixels,
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
