"""A gateway's end of a connection to a worker or a decoder: frames and payloads on the event loop."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel, ChannelClosed, Frame, Part, Payload


class Held:
    """Payloads of one call, or of several together: what they take is free when the last of `calls` is answered."""

    __slots__ = ("calls", "payloads")

    def __init__(self, calls: int) -> None:
        self.payloads: list[Payload] = []
        self.calls = calls


class Connection:
    """A connected socket and the memory that its payloads lie in. The gateway's event loop owns it.

    `on_frames` takes what arrived, `on_closed` hears of the end; either may close the connection.
    """

    def __init__(
        self, path: str, on_frames: Callable[[list[Frame]], None], on_closed: Callable[[], None]
    ) -> None:
        """OSError: nobody listens there, or this process has no descriptors left; nothing is kept then."""
        self._on_frames = on_frames
        self._on_closed = on_closed
        self._arena = Arena(ARENA_BYTES)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            self._channel = Channel(sock, self._arena)
        except OSError:
            sock.close()
            self._arena.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel.fileno(), self._readable)

    def put(self, part: Part) -> Payload:
        """A payload in the form that a frame carries."""
        return self._channel.put(part)

    def put_together(self, parts: Sequence[Part]) -> Payload:
        """Several as one, each behind the one before."""
        return self._channel.put_together(parts)

    def get(self, payload: Payload) -> bytes | memoryview:
        """The bytes of a payload that the other side put; see Channel."""
        return self._channel.get(payload)

    def hold(self, payloads: Iterable[Payload], calls: int = 1) -> Held:
        """Payloads of so many calls, each put as it is asked for; if one cannot be, those before it are free."""
        held = Held(calls)
        try:
            held.payloads.extend(payloads)
        except BaseException:
            self._free(held)
            raise
        return held

    def leave(self, held: Held) -> None:
        """One of the calls that hold them is answered."""
        held.calls -= 1
        if not held.calls:
            self._free(held)

    def _free(self, held: Held) -> None:
        for payload in held.payloads:
            self.free(payload)

    def free(self, payload: Payload) -> None:
        """Give back what `put` took."""
        self._channel.free(payload)

    def send(self, *frame: Any) -> None:
        """Queue a frame for the next `flush`."""
        self._channel.send(list(frame))

    def flush(self) -> None:
        """Write what is queued, now and as the socket takes it; that the other side is gone, the reader tells."""
        with suppress(ChannelClosed, ValueError):  # ValueError: it is closed.
            if self._channel.flush():
                self._loop.remove_writer(self._channel.fileno())
            else:
                self._loop.add_writer(self._channel.fileno(), self.flush)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Have something called on the event loop; whoever has the baton may ask."""
        self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, call)

    def close(self) -> None:
        """Stop listening, and let go of the memory."""
        with suppress(ValueError, OSError):
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        self._arena.close()

    def _readable(self) -> None:
        try:
            frames = self._channel.receive()
        except ChannelClosed:
            self._on_closed()
        else:
            self._on_frames(frames)
