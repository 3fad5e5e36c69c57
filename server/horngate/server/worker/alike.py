"""Requests that came together and differ in nothing but their contents: one item of a frame, one Work, one answer.

What Python does for a request costs more than a tiny network, so that it is done once for all of them. They wait
and run as one request of all of their rows would, and each is received by itself where that is not the same to it:
when one is cancelled before they run, or late, when the queue has no room for all, when their batch has a fault.
"""

from collections.abc import Iterator
from typing import NamedTuple

from horngate.server.frames.channel import Payload
from horngate.server.worker.item import Item


class Alike(NamedTuple):
    """Such requests, as a frame carries them.

    `rows` is how many each has, of the model's own inputs or of pictures' `pixels`. `tensors` are the shape and
    the contents of each input, of all requests together, one after the other. `deadlines_s` is empty if none has
    one.
    """

    numbers: list[int]
    handle: str
    outputs: list[str]
    rows: int
    deadlines_s: list[float | None]
    priority: int
    pixels: bool
    tensors: list[tuple[list[int], Payload]]

    @property
    def total_rows(self) -> int:
        """Of all requests."""
        return self.rows * len(self.numbers)

    @property
    def first_deadline_s(self) -> float | None:
        """The earliest of their deadlines."""
        return min((each for each in self.deadlines_s if each is not None), default=None)

    def parts(self, most: int) -> Iterator["Alike"]:
        """The same requests, no more than so many as one."""
        count = len(self.numbers)
        for start in range(0, count, most):
            stop = min(start + most, count)
            tensors = [
                ([self.rows * (stop - start), *shape[1:]], _part(payload, start, stop, count))
                for shape, payload in self.tensors
            ]
            numbers, deadlines_s = self.numbers[start:stop], self.deadlines_s[start:stop]
            yield self._replace(numbers=numbers, deadlines_s=deadlines_s, tensors=tensors)

    def singly(self) -> Iterator[Item]:
        """Each as an item of its own."""
        for one in self.parts(1):
            yield Item(
                number=one.numbers[0],
                handle=self.handle,
                outputs=self.outputs,
                rows=self.rows,
                deadline_s=one.deadlines_s[0] if one.deadlines_s else None,
                alone=False,
                priority=self.priority,
                seed=None,
                pixels=self.pixels,
                trace=None,
                tensors=one.tensors,
                step=None,
            )


def _part(payload: Payload, start: int, stop: int, count: int) -> Payload:
    """Those from `start` to `stop` of `count` equal parts of contents."""
    if isinstance(payload, bytes):
        size = len(payload) // count
        return payload[start * size : stop * size]
    offset, length = payload
    size = length // count
    return [offset + start * size, (stop - start) * size]
