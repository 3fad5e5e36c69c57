"""One connection of a gateway to a decoder: pictures out, pixels back."""

from collections.abc import Callable
from typing import Any

from horngate.server.frames.channel import Frame
from horngate.server.gateway.connection import Connection
from horngate.server.gateway.infer import Call
from horngate.server.gateway.pictures import Picture
from horngate.server.gateway.routes import WorkerAddress


class Task:
    """One picture of a call. `deaths` counts the decoders that ended over it, `losses` those that ended with it."""

    __slots__ = ("call", "deaths", "index", "losses", "payload")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
        self.deaths = 0
        self.losses = 0
        self.payload: Any = None


class DecoderLink:
    """A connection to one incarnation of a decoder. The gateway's event loop owns it.

    `on_decoded` takes a task with what is wrong with it, or "" and its pixels, valid while it runs; `on_lost` hears
    of the connection's end, when `tasks` are those that had no answer; `begun` is the number of the last one that
    the decoder turned to.
    """

    def __init__(
        self,
        address: WorkerAddress,
        on_decoded: Callable[["DecoderLink", Task, str, Any], None],
        on_lost: Callable[["DecoderLink"], None],
    ) -> None:
        self.address = address
        self.tasks: dict[int, Task] = {}
        self.begun = 0
        self._on_decoded = on_decoded
        self._connection = Connection(address.path, self._hear, lambda: on_lost(self))
        self._sent = 0

    def send(self, task: Task, picture: Picture, wanted: str) -> None:
        """Hand a picture over; `wanted` is the ImageInput as JSON."""
        self._sent += 1
        self.tasks[self._sent] = task
        task.payload = self._connection.put(picture.data)
        self._connection.send("decode", [[self._sent, wanted, picture.shape, task.payload]])
        self._connection.flush()

    def close(self) -> None:
        """Stop listening; the tasks stay in `tasks`."""
        self._connection.close()

    def _hear(self, frames: list[Frame]) -> None:
        for kind, items in frames:
            if kind == "begun":
                (self.begun,) = items
                continue
            for number, problem, payload in items:
                self._take(number, problem, payload)
        self._connection.flush()

    def _take(self, number: int, problem: str, payload: Any) -> None:
        task = self.tasks.pop(number)
        self._connection.free(task.payload)
        task.payload = None
        pixels = None if payload is None else self._connection.get(payload)
        self._on_decoded(self, task, problem, pixels)
        if isinstance(payload, list):
            self._connection.send("release", [payload[0]])
