"""One connection of a gateway to a worker: calls out in frames, and answers back."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.gateway.infer import Call
from horngate.server.gateway.outlook import Outlook
from horngate.server.gateway.routes import WorkerAddress


class WorkerLink:
    """A connection to one incarnation of a worker. The gateway's event loop owns it."""

    def __init__(
        self, address: WorkerAddress, on_frames: Callable[["WorkerLink", list[Frame]], None]
    ) -> None:
        self.address = address
        self.calls: dict[int, Call] = {}
        self.running: set[int] = set()
        self.outlook = Outlook()
        self._on_frames = on_frames
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address.path)
        self._arena = Arena(ARENA_BYTES)
        self._channel = Channel(sock, self._arena)
        self._outgoing: list[Any] = []
        self._release: list[int] = []
        self._cancelled: list[int] = []
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel.fileno(), self._readable)

    def send(self, call: Call) -> None:
        """Put a call into the next frame; calls of the same turn of the loop share one."""
        self.calls[call.number] = call
        self.outlook.send(call.cost_s)
        call.payloads = [self._channel.put(raw) for _, raw in call.tensors]
        tensors = [[shape, payload] for (shape, _), payload in zip(call.tensors, call.payloads, strict=True)]
        handle, alone = call.entry.handle, call.deaths > 0
        how = [call.deadline_s, alone, call.priority, call.seed, call.pixels, call.trace]
        step = None if call.step is None else call.step.to_plain()
        self._outgoing.append([call.number, handle, call.outputs, call.rows, *how, tensors, step])
        self._schedule()

    def cancel(self, number: int) -> None:
        """Tell the worker that nobody waits; its reply still comes, and gives the memory back."""
        self._cancelled.append(number)
        self._schedule()

    def take(self, number: int) -> Call | None:
        """Remove a call that is answered, and give back its memory."""
        call = self.calls.pop(number, None)
        if call is not None:
            self.running.discard(number)
            self.outlook.answered(call.cost_s)
            for payload in call.payloads:
                self._channel.free(payload)
        return call

    def get(self, payload: Any) -> Any:
        """The bytes of an output; what lies in the worker's arena is released with the next frame."""
        if not isinstance(payload, bytes):
            self._release.append(payload[0])
            self._schedule()
        return self._channel.get(payload)

    def close(self) -> None:
        """Stop listening; the calls stay in `calls`."""
        with suppress(ValueError, OSError):
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        self._arena.close()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._outgoing:
            self._channel.send(["requests", self._outgoing])
            self._outgoing = []
        if self._release:
            self._channel.send(["release", self._release])
            self._release = []
        if self._cancelled:
            self._channel.send(["cancel", self._cancelled])
            self._cancelled = []
        try:
            done = self._channel.flush()
        except (ChannelClosed, ValueError):
            return  # The reader sees the end of the stream and tells.
        if done:
            self._loop.remove_writer(self._channel.fileno())
        else:
            self._loop.add_writer(self._channel.fileno(), self._flush)

    def _readable(self) -> None:
        try:
            frames = self._channel.receive()
        except ChannelClosed:
            frames = [["closed"]]
        self._on_frames(self, frames)
