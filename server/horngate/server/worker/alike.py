"""Requests that came together and differ in nothing but their contents: one item of a frame, one Work, one answer.

What Python does for a request costs more than a tiny network, so that it is done once for all of them. They wait
and run as one request of all of their rows would, and each is received by itself where that is not the same to it:
when one is cancelled before they run, or late, when the queue has no room for all, when their batch has a fault.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from horngate.server.frames.channel import Frame, Payload


class Alike(NamedTuple):
    """Such requests, as a frame carries them.

    `rows` is how many each has. `tensors` are the shape and the contents of each input, of all requests together,
    one after the other. `deadlines_s` is empty if none has one.
    """

    numbers: list[int]
    handle: str
    outputs: list[str]
    rows: int
    deadlines_s: list[float | None]
    priority: int
    tensors: list[tuple[list[int], Payload]]

    @property
    def total_rows(self) -> int:
        """Of all requests."""
        return self.rows * len(self.numbers)

    @property
    def first_deadline_s(self) -> float | None:
        """The earliest of their deadlines."""
        return min((each for each in self.deadlines_s if each is not None), default=None)

    def singly(self) -> Iterator[Frame]:
        """Each as an item of its own; see Reception.receive."""
        deadlines_s = self.deadlines_s or [None] * len(self.numbers)
        for place, (number, deadline_s) in enumerate(zip(self.numbers, deadlines_s, strict=True)):
            tensors = [
                [[self.rows, *shape[1:]], _part(payload, place, len(self.numbers))]
                for shape, payload in self.tensors
            ]
            how: list[Any] = [deadline_s, False, self.priority, None, False, None]
            yield [number, self.handle, self.outputs, self.rows, *how, tensors, None]


def _part(payload: Payload, place: int, parts: int) -> Payload:
    """One of equal parts of contents."""
    if isinstance(payload, bytes):
        size = len(payload) // parts
        return payload[place * size : (place + 1) * size]
    offset, length = payload
    size = length // parts
    return [offset + place * size, size]
