"""The gateway over pygrpc-native: plaintext unary calls whose HTTP/2 runs in Rust, outside the GIL.

A tenth of grpcio's CPU a call at 3 KB (`bench/transports.py`). What it does not serve itself (streams, health
watches, reflection) goes to a grpcio server on a Unix socket behind it.
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from pygrpc_native import EVENT_CALL, NativeGrpcFront

from horngate.contract.errors import HorngateError
from horngate.oip.status import code_of, trailers_of
from horngate.server.gateway.baton import Baton
from horngate.server.gateway.core import Gateway
from horngate.server.gateway.door import HEADER
from horngate.server.gateway.grpcio_transport import KEEPALIVE_MS, GrpcioTransport
from horngate.server.gateway.infer import Call
from horngate.server.gateway.methods import INFER, METHODS
from horngate.server.gateway.origin import Origin, trace_headers
from horngate.server.logs import logger

MAX_EVENTS = 256
POLL_MS = 200
_NOTHING = ((), "", None)


class NativeTransport:
    """One thread takes batches of calls from the front, and with the baton hands them to the gateway.

    What is no inference is rare, and handed over by the event loop.
    """

    def __init__(self, gateway: Gateway, directory: Path, baton: Baton, *, share_port: bool = False) -> None:
        self._gateway = gateway
        self._baton = baton
        self._share_port = share_port
        self._fallback = GrpcioTransport(gateway)
        self._path = directory / f"grpcio-{os.getpid()}.sock"
        self._calls: dict[int, Call] = {}
        self._unanswered = 0
        self._accepting = True
        self._front: NativeGrpcFront

    async def start(self, address: str) -> int:
        """Listen and serve; the port that was bound. OSError if the address is taken."""
        await self._fallback.start(f"unix:{self._path}")
        methods = [(method, False) for method in METHODS]
        self._front = NativeGrpcFront(
            address,
            methods,
            io_threads=1,
            call_details=True,
            reuse_port=self._share_port,
            keepalive_time_ms=KEEPALIVE_MS,
        )
        self._front.set_fallback(str(self._path))
        self._front.start()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._take_calls, name="front", daemon=True).start()
        return self._front.bound_port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; give those that were taken `grace_s` to be answered."""
        self._accepting = False
        until_s = time.monotonic() + grace_s
        while self._unanswered and time.monotonic() < until_s:
            await asyncio.sleep(0.01)
        await self._fallback.stop(max(0.0, until_s - time.monotonic()))
        # The last answers are in the front's buffers; a moment lets them out.
        await asyncio.sleep(0.1)
        self._front.close()

    def _take_calls(self) -> None:
        while (events := self._front.recv_batch_details(MAX_EVENTS, POLL_MS)) is not None:
            if not events:
                continue
            try:
                with self._baton:
                    self._on_events(events)
            except Exception:  # The calls after these are to be taken all the same.
                logger().exception("calls could not be handed over", calls=len(events))

    def _on_events(self, events: list[Any]) -> None:
        now_s = time.monotonic()
        with self._gateway.burst:
            for event in events:
                kind, number, method, payload, _, details = event
                if kind == EVENT_CALL and METHODS[method] == INFER:
                    self._on_call(number, INFER, payload, details or _NOTHING, now_s)
                elif kind != EVENT_CALL and number in self._calls:
                    self._on_cancel(number)
                else:
                    self._loop.call_soon_threadsafe(self._on_rare, event, now_s)

    def _on_rare(self, event: Any, now_s: float) -> None:
        kind, number, method, payload, _, details = event
        with self._gateway.burst:
            if kind == EVENT_CALL:
                self._on_call(number, METHODS[method], payload, details or _NOTHING, now_s)
            elif number in self._calls:
                self._on_cancel(number)

    def _on_cancel(self, number: int) -> None:
        self._gateway.cancel(self._calls.pop(number))
        self._unanswered -= 1

    def _on_call(self, number: int, method: str, payload: bytes, details: Any, now_s: float) -> None:
        if not self._accepting:
            self._front.fail(number, grpc.StatusCode.UNAVAILABLE.value[0], "the server is shutting down")
            return
        metadata, peer, left_s = details
        gateway, respond = self._gateway, partial(self._respond, number)
        self._unanswered += 1
        try:
            token = gateway.door.admit(method, _authorization(metadata) if gateway.door.asks else "")
        except HorngateError as error:
            respond(error)
            return
        origin = (
            Origin(token, peer) if gateway.spans is None else Origin(token, peer, trace_headers(metadata))
        )
        deadline_s = None if left_s is None else now_s + left_s
        pending = gateway.handle(method, payload, deadline_s, respond, origin)
        if pending is not None and not pending.answered:
            self._calls[number] = pending

    def _respond(self, number: int, result: bytes | HorngateError) -> None:
        self._calls.pop(number, None)
        self._unanswered -= 1
        if isinstance(result, HorngateError):
            self._front.fail(number, code_of(result).value[0], str(result), trailers_of(result))
        else:
            self._front.respond(number, result)


def _authorization(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    return next((str(value) for key, value in metadata if key == HEADER), "")
