"""One request, as the item of a frame that tells of it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from horngate.server.frames.channel import Payload


class Item(NamedTuple):
    """What a gateway writes of a call; see its WorkerLink.

    `alone` is one that a worker has ended over. `outputs` are none for the model's own. `tensors` are the shape and
    the contents of each input, `step` is a Step, plain.
    """

    number: int
    handle: str
    outputs: list[str]
    rows: int
    deadline_s: float | None
    alone: bool
    priority: int
    seed: int | None
    pixels: bool
    trace: bytes | None
    tensors: list[tuple[list[int], Payload]]
    step: Any

    @property
    def bytes(self) -> int:
        """How much its contents are."""
        return contents_bytes(self.tensors)


def contents_bytes(tensors: Iterable[tuple[list[int], Payload]]) -> int:
    """How much the contents of inputs are."""
    return sum(len(payload) if isinstance(payload, bytes) else payload[1] for _, payload in tensors)
