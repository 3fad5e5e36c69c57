"""A gateway's connection as a worker sees it."""

import socket
from typing import Any

import numpy as np

from horngate.contract.errors import HorngateError, ResourceExhausted
from horngate.oip.codec import encode_tensor
from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import INLINE_BYTES, Channel
from horngate.server.worker.engines import Array
from horngate.server.worker.work import Work


class GatewayLink:
    """The requests of one gateway, and the replies that its next frame will carry. The main thread owns it."""

    def __init__(self, sock: socket.socket) -> None:
        self.open = True
        # Invariant: holds every Work of this gateway that has no reply.
        self.works: dict[int, Work] = {}
        self._arena = Arena(ARENA_BYTES)
        try:
            self.channel = Channel(sock, self._arena)
        except OSError:
            self._arena.close()
            raise
        self._replies: list[Any] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to send."""
        return not self._replies and self.channel.is_flushed

    def reply(self, work: Work, arrays: list[Array]) -> None:
        """Queue an answer: shapes and raw contents of each output, and what the request's ride was like.

        That of requests that are alike has the contents of all, one after the other.
        """
        self.works.pop(work.request, None)
        if self.open:
            outputs = [[list(array.shape), self.channel.put(_contents(array))] for array in arrays]
            timings = [work.dispatched_s - work.arrived_s, work.compute_s, work.batch_rows]
            who = work.request if work.alike is None else work.alike.numbers
            self._replies.append([who, None, outputs, timings])

    def acknowledge(self, request: int) -> None:
        """Queue an answer without outputs."""
        self._replies.append([request, None, [], [0.0, 0.0, 0]])

    def refuse(self, request: int, error: HorngateError) -> None:
        """Queue an error as the answer, with when to ask again if it says so."""
        self.works.pop(request, None)
        told = [error.retry_after_s, error.reason] if isinstance(error, ResourceExhausted) else []
        self._replies.append([request, [type(error).__name__, str(error), *told], [], []])

    def release(self, offsets: list[int]) -> None:
        """The gateway has read these outputs."""
        for offset in offsets:
            self._arena.free(offset)

    def flush(self, ahead_s: float) -> bool:
        """Send what is queued, with the seconds of work ahead; True when all of it is out.

        ChannelClosed if the gateway is gone.
        """
        if self._replies:
            self.channel.send(["replies", self._replies, ahead_s])
            self._replies = []
        return self.channel.flush()

    def close(self) -> None:
        """Let go of the gateway's memory and ours."""
        self.open = False
        self.channel.close()
        self._arena.close()


def _contents(array: Array) -> bytes | memoryview:
    """An array's raw contents, not copied if they are large and its own memory holds them."""
    if array.dtype.kind in "SUO":
        return encode_tensor(array)
    if array.nbytes < INLINE_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
