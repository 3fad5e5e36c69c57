"""One connection of a gateway to a decoder: pictures out, pixels back."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel, ChannelClosed
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
        self._on_lost = on_lost
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(address.path)
        except OSError:
            sock.close()
            raise
        self._arena = Arena(ARENA_BYTES)
        self._channel = Channel(sock, self._arena)
        self._sent = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel.fileno(), self._readable)

    def send(self, task: Task, picture: Picture, wanted: str) -> None:
        """Hand a picture over; `wanted` is the ImageInput as JSON."""
        self._sent += 1
        self.tasks[self._sent] = task
        task.payload = self._channel.put(picture.data)
        self._channel.send(["decode", [[self._sent, wanted, picture.shape, task.payload]]])
        self._flush()

    def close(self) -> None:
        """Stop listening; the tasks stay in `tasks`."""
        with suppress(ValueError, OSError):
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        self._arena.close()

    def _readable(self) -> None:
        try:
            frames = self._channel.receive()
        except ChannelClosed:
            self._on_lost(self)
            return
        for kind, items in frames:
            if kind == "begun":
                (self.begun,) = items
                continue
            for number, problem, payload in items:
                self._take(number, problem, payload)
        self._flush()

    def _take(self, number: int, problem: str, payload: Any) -> None:
        task = self.tasks.pop(number)
        self._channel.free(task.payload)
        task.payload = None
        pixels = None if payload is None else self._channel.get(payload)
        self._on_decoded(self, task, problem, pixels)
        if isinstance(payload, list):
            self._channel.send(["release", [payload[0]]])

    def _flush(self) -> None:
        try:
            done = self._channel.flush()
        except (ChannelClosed, ValueError):
            return  # The reader sees the end of the stream and tells.
        if done:
            self._loop.remove_writer(self._channel.fileno())
        else:
            self._loop.add_writer(self._channel.fileno(), self._flush)
