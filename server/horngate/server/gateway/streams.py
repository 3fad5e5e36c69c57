"""ModelStreamInfer: many requests over one call, answered in the order in which they came.

Requests go to the workers as they arrive, up to AHEAD and AHEAD_BYTES that are not answered; beyond that no more
are read, and the transport's flow control holds the caller back. An error is the answer to its own request,
inside of the stream, which goes on. A caller that takes no answer, and so holds so much, is let go of in the end.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from google.protobuf.message import DecodeError

from horngate.contract.errors import HorngateError, Unavailable
from horngate.oip.messages import ModelInferRequest, ModelInferResponse, ModelStreamInferResponse
from horngate.oip.wire import assemble_stream_response
from horngate.server.gateway.core import Gateway
from horngate.server.gateway.infer import Call
from horngate.server.gateway.methods import INFER
from horngate.server.gateway.origin import NOBODY, Origin

METHOD = "ModelStreamInfer"
AHEAD = 256
AHEAD_BYTES = 64 << 20
UNTAKEN_S, UNTAKEN_STOPPING_S = 600.0, 5.0
"""How long an answer may wait to be taken: behind the native transport nobody else tells that a caller has died."""

_FINAL = ModelInferResponse()
_FINAL.parameters["triton_final_response"].bool_param = True
_FINAL_BYTES = _FINAL.SerializeToString()


class Stream:
    """One call's requests and replies. The gateway's event loop owns it.

    `write` sends a reply; it returns when there is room for the next.
    """

    def __init__(
        self,
        gateway: Gateway,
        write: Callable[[bytes], Awaitable[None]],
        deadline_s: float | None,
        origin: Origin = NOBODY,
    ) -> None:
        self._gateway = gateway
        self._write = write
        self._origin = origin
        self._deadline_s = deadline_s
        # Invariant: holds every request without a written reply, oldest first; _bytes is their size.
        self._asked: deque[_Asked] = deque()
        self._bytes = 0
        self._writes_since_s = math.inf
        # The size of the largest answer.
        self.largest = 0
        self._moved = asyncio.Event()
        self._ended: asyncio.Future[HorngateError] = asyncio.get_running_loop().create_future()

    def end(self, error: HorngateError) -> None:
        """Answer no more, not even what is under way."""
        if not self._ended.done():
            self._ended.set_result(error)

    async def serve(self, requests: AsyncIterator[bytes]) -> None:
        """Answer until the caller sends no more, or `end` is called with an error, which is raised.

        Unavailable: the server goes away before, all answered; or the caller takes no answers.
        """
        reading = asyncio.ensure_future(self._read(requests))
        stopping = asyncio.ensure_future(self._gateway.stopping.wait())
        writing = asyncio.ensure_future(self._answer(reading))
        try:
            await self._first(writing, stopping, untaken_s=UNTAKEN_S)
            if not writing.done():
                reading.cancel()
                await self._first(writing, untaken_s=UNTAKEN_STOPPING_S)
            await writing
        finally:
            for task in (reading, stopping, writing):
                task.cancel()
            self._give_up()
        if reading.cancelled():
            raise Unavailable("the server is shutting down; ask again in a moment")

    async def _first(self, *awaited: "asyncio.Future[Any]", untaken_s: float) -> None:
        """Wait for one of these, unless the stream is ended before, or an answer is not taken for so long."""
        untaken = asyncio.ensure_future(self._untaken(untaken_s))
        try:
            await asyncio.wait((*awaited, untaken, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                raise self._ended.result()
            if untaken.done():
                raise Unavailable(
                    f"an answer was not taken for {untaken_s:g} s; read a stream's answers as they come"
                )
        finally:
            untaken.cancel()

    async def _untaken(self, untaken_s: float) -> None:
        """Return when an answer has waited for so long, from now on, to be taken."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        while (left_s := max(begun_s, self._writes_since_s) + untaken_s - clock()) > 0:
            await asyncio.sleep(min(left_s, untaken_s))

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for data in requests:
            asked = _Asked(data)
            self._asked.append(asked)
            self._bytes += len(data)
            asked.call = self._gateway.handle(INFER, data, self._deadline_s, asked.respond, self._origin)
            self._moved.set()
            while len(self._asked) >= AHEAD or self._bytes >= AHEAD_BYTES:
                self._moved.clear()
                await self._moved.wait()

    async def _answer(self, reading: "asyncio.Future[None]") -> None:
        reading.add_done_callback(lambda _: self._moved.set())
        while True:
            while self._asked:
                asked = self._asked[0]
                reply = stream_reply(await asked.answer, asked.data)
                self._writes_since_s = asyncio.get_running_loop().time()
                self.largest = max(self.largest, len(reply))
                await self._write(reply)
                self._writes_since_s = math.inf
                self._asked.popleft()
                self._bytes -= len(asked.data)
                self._moved.set()
            if reading.done():
                if not reading.cancelled():
                    reading.result()
                return
            self._moved.clear()
            await self._moved.wait()

    def _give_up(self) -> None:
        """Nobody waits for what is not answered."""
        for asked in self._asked:
            asked.answer.cancel()
            if asked.call is not None:
                self._gateway.cancel(asked.call)
        self._asked.clear()


class _Asked:
    """A request on its way. `call` is None for one that was refused at once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.call: Call | None = None
        self.answer: asyncio.Future[bytes | HorngateError] = asyncio.get_running_loop().create_future()

    def respond(self, result: bytes | HorngateError) -> None:
        """Take the answer."""
        if not self.answer.done():
            self.answer.set_result(result)


def stream_reply(result: bytes | HorngateError, request: bytes) -> bytes:
    """A ModelStreamInferResponse: the answer, marked as the request's last, or what went wrong and the id."""
    if isinstance(result, HorngateError):
        response = ModelInferResponse(id=_id(request))
        return ModelStreamInferResponse(
            error_message=str(result), infer_response=response
        ).SerializeToString()
    # Serialized messages that follow one another are one message.
    return assemble_stream_response((result, _FINAL_BYTES))


def _id(request: bytes) -> str:
    with suppress(DecodeError):
        return ModelInferRequest.FromString(request).id
    return ""
