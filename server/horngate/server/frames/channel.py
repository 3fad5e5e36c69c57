"""A connection between two processes of the server: frames out, frames in, never blocking.

A frame is four bytes of length (little-endian) and a msgpack array `[kind, …]`. Many messages go into one
frame, so a burst costs one system call and one wake-up on the other side. Payloads of INLINE_BYTES or more
travel through the sender's arena (`bench/frames.py` has the measurement behind the figure); the frame then
holds their descriptor as a list `[offset, length]`. A receiver that is done with descriptors says so with a
`release` frame, unless the two sides have agreed on an event that means the same (a reply releases its request).
"""

import array
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgpack

from horngate.server.frames.arena import Arena, ArenaReader

INLINE_BYTES = 16 * 1024
READ_BYTES = 1 << 18
MAX_FRAME_BYTES = (1 << 32) - 1
_LENGTH = struct.Struct("<I")
_HELLO = "arena"

Frame = list[Any]
"""`[kind, …]`, as msgpack carries it."""

Payload = bytes | list[int]
"""Bytes in the frame, or `[offset, length]` in the sender's arena."""


class Source(Protocol):
    """A payload that lies outside this process."""

    @property
    def byte_size(self) -> int: ...
    def read(self) -> bytes: ...
    def read_into(self, view: memoryview) -> None: ...


Part = bytes | memoryview | Source
"""Contents that lie in this process, as bytes, or outside."""
_HERE = (bytes, memoryview)


class ChannelClosed(Exception):
    """The other side is gone. What it had not answered was not answered."""


class Channel:
    """One end of a connection. One thread owns it; the socket is non-blocking and may be polled by `fileno`."""

    def __init__(self, sock: socket.socket, arena: Arena | None = None) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._arena = arena
        self._reader: ArenaReader | None = None
        # Invariant: _outgoing holds whole frames but for the first, whose first bytes may be sent already.
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()
        self._received_fds: deque[int] = deque()
        if arena is not None:
            self._send_arena(arena)

    def fileno(self) -> int:
        """The socket's descriptor, for a selector or an event loop."""
        return self._socket.fileno()

    @property
    def is_flushed(self) -> bool:
        """Whether all that was sent has left."""
        return not self._outgoing

    def send(self, frame: Frame) -> None:
        """Queue a frame; `flush` moves it."""
        body = msgpack.packb(frame)
        if len(body) > MAX_FRAME_BYTES:
            raise ValueError(
                f"a frame of {len(body)} bytes is over the {MAX_FRAME_BYTES} that the format allows"
            )
        self._outgoing.append(memoryview(_LENGTH.pack(len(body)) + body))

    def flush(self) -> bool:
        """Write what the socket takes now; True when nothing is left. ChannelClosed if the other side is gone."""
        try:
            while self._outgoing:
                head = self._outgoing[0]
                sent = self._socket.send(head)
                if sent < len(head):
                    self._outgoing[0] = head[sent:]
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            return False
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        return True

    def receive(self) -> list[Frame]:
        """Every whole frame that has arrived. ChannelClosed at the end of the stream."""
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, READ_BYTES, 1)
        except BlockingIOError:
            return []
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        self._received_fds.extend(fds)
        if not data:
            raise ChannelClosed("end of stream")
        self._incoming += data
        return [frame for frame in self._take_frames() if not self._is_hello(frame)]

    def put(self, part: Part) -> Payload:
        """A payload in the form that a frame carries: in the arena if it is large and there is room."""
        if isinstance(part, bytes) and len(part) < INLINE_BYTES:
            return part
        return self.put_together((part,))

    def put_together(self, parts: Sequence[Part]) -> Payload:
        """Several as one, each behind the one before; a large Source is read straight into the arena."""
        sizes = [_size(part) for part in parts]
        total = sum(sizes)
        offset = self._arena.reserve(total) if self._arena is not None and total >= INLINE_BYTES else None
        if self._arena is None or offset is None:
            return b"".join(part if isinstance(part, _HERE) else part.read() for part in parts)
        try:
            _fill(self._arena.view(offset, total), parts, sizes)
        except BaseException:
            self._arena.free(offset)
            raise
        return [offset, total]

    def get(self, payload: Payload) -> bytes | memoryview:
        """The bytes of a payload that the other side put; in its arena they are valid until released."""
        if isinstance(payload, bytes):
            return payload
        if self._reader is None:
            raise ValueError("a descriptor arrived before the arena that it lies in")
        offset, length = payload
        return self._reader.view(offset, length)

    def free(self, payload: Payload) -> None:
        """Give back what `put` took, once the other side is done with it."""
        if self._arena is not None and isinstance(payload, list):
            self._arena.free(payload[0])

    def close(self) -> None:
        """Close the socket; the arena stays its owner's."""
        self._socket.close()
        for fd in self._received_fds:
            os.close(fd)

    def _take_frames(self) -> list[Frame]:
        frames: list[Frame] = []
        start = 0
        while len(self._incoming) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._incoming, start)
            end = start + _LENGTH.size + length
            if end > len(self._incoming):
                break
            with memoryview(self._incoming) as view:
                frames.append(msgpack.unpackb(view[start + _LENGTH.size : end]))
            start = end
        del self._incoming[:start]
        return frames

    def _is_hello(self, frame: Frame) -> bool:
        if frame[0] != _HELLO:
            return False
        try:
            # To receive it takes one descriptor, to map it another.
            self._reader = ArenaReader(self._received_fds[0])
        except (IndexError, OSError) as error:
            raise ChannelClosed(
                f"this process has no descriptor for the other side's memory: {error}"
            ) from error
        self._received_fds.popleft()
        return True

    def _send_arena(self, arena: Arena) -> None:
        body = msgpack.packb([_HELLO])
        hello = _LENGTH.pack(len(body)) + body
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [arena.fd]))]
        self._socket.sendmsg([hello], rights)


def _size(part: Part) -> int:
    return len(part) if isinstance(part, _HERE) else part.byte_size


def _fill(view: memoryview, parts: Sequence[Part], sizes: Sequence[int]) -> None:
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        if isinstance(part, _HERE):
            view[start : start + size] = part
        else:
            part.read_into(view[start : start + size])
        start += size
