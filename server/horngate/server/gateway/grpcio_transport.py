"""The gateway over grpcio: every kind of call, on TCP or on a Unix socket behind the native front."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from horngate.contract.errors import HorngateError
from horngate.oip import messages as oip
from horngate.oip.pool import POOL, add_file
from horngate.oip.status import code_of, trailers_of
from horngate.server.gateway.core import Gateway
from horngate.server.gateway.door import HEADER
from horngate.server.gateway.methods import METHODS
from horngate.server.gateway.origin import Origin, trace_headers
from horngate.server.gateway.routes import Routes
from horngate.server.gateway.streams import METHOD as STREAM
from horngate.server.gateway.streams import Stream
from horngate.server.tls import Tls
from horngate.tfs import messages as tfs
from horngate.v1 import horngate_pb2
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE

KEEPALIVE_MS = 60_000
"""A connection that says nothing for so long is asked whether its caller is there, and ended if not."""
FLUSH_S = 5.0
"""How long a stream's end may be on its way."""
LARGE_BYTES = 1 << 16
"""Answers from here on may still be on their way when the call's end has been sent."""
READING_S = 0.5
"""How long a caller is given to read such an answer before its call ends, and the server with it."""

_SERVICES = (oip.SERVICE, DESCRIBE_SERVICE, tfs.PREDICTION, tfs.MODELS)
Handle = Callable[[bytes, Any], Awaitable[bytes]]
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class UnderWay:
    """Counts calls while they are being answered; the event loop owns it."""

    def __init__(self) -> None:
        self.calls = 0

    def take(self, context: Any) -> None:
        """Count a call until its answer is with its caller, or the call is cancelled."""
        self.calls += 1
        context.add_done_callback(lambda _: self._let_go())

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count a call meanwhile."""
        self.calls += 1
        try:
            yield
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self.calls -= 1


class GrpcioTransport:
    """A grpcio asyncio server. `start` says the port; `stop` answers what was accepted first."""

    def __init__(self, gateway: Gateway, *, share_port: bool = False, tls: Tls | None = None) -> None:
        limit = gateway.max_message_bytes
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", int(share_port)),
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.keepalive_permit_without_calls", 1),
            ]
        )
        self._tls = tls
        self._under_way = UnderWay()
        self._health = HealthOfModels()
        gateway.on_routes(self._health.update)
        stream = grpc.stream_stream_rpc_method_handler(_stream_handler(gateway, self._under_way))
        streams = grpc.method_handlers_generic_handler(oip.SERVICE, {STREAM: stream})
        self._server.add_generic_rpc_handlers((Unary(gateway, self._under_way), streams))
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._server)
        _enable_reflection(self._server)

    async def start(self, address: str) -> int:
        """Listen and serve; the port that was bound. OSError if the address is taken."""
        try:
            port = self._add_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await self._server.start()
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; give those that were taken `grace_s` to be answered.

        Streams whose callers take no answers, and callers that only watch health, are not waited for so long.
        """
        stopping = asyncio.ensure_future(self._server.stop(grace_s))
        while self._under_way.calls and not stopping.done():
            await asyncio.sleep(0.01)
        await asyncio.wait((stopping,), timeout=FLUSH_S)
        await self._server.stop(None)
        await stopping

    def _add_port(self, address: str) -> int:
        if self._tls is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, self._tls.credentials()))


class HealthOfModels:
    """grpc.health.v1 for the server ("") and for each model by name, kept as the routes say."""

    def __init__(self) -> None:
        self.servicer = health.aio.HealthServicer()
        # Invariant: what the servicer was last told, so that watchers hear of changes only.
        self._told: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def update(self, routes: Routes) -> None:
        """Tell the servicer what changed; a model that is gone is unknown from then on to new checks."""
        wanted = {name: _SERVING if _answers(routes, name) else _NOT_SERVING for name in routes.entries}
        wanted[""] = _SERVING if routes.all_ready else _NOT_SERVING
        for name in self._told.keys() - wanted.keys():
            wanted[name] = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        for name, status in wanted.items():
            if self._told.get(name) != status:
                self._told[name] = status
                task = asyncio.get_running_loop().create_task(self.servicer.set(name, status))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


def _answers(routes: Routes, name: str) -> bool:
    return not routes.draining and any(entry.ready for entry in routes.entries[name].values())


class Unary(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The unary methods, each in one of two forms, which are the same to callers.

    The usual form sends an answer with its status. That of methods whose answers have been large sends the status
    apart, later where the server stops: grpcio ends a connection with the status of its last call, and what of the
    answer is not read by then is lost.
    """

    def __init__(self, gateway: Gateway, under_way: UnderWay) -> None:
        self._gateway = gateway
        self._large: set[str] = set()
        answers = {method: _handler(gateway, method, under_way) for method in METHODS}
        self._usual = {
            method: grpc.unary_unary_rpc_method_handler(self._noticing(method, answer))
            for method, answer in answers.items()
        }
        self._apart = {
            method: grpc.unary_stream_rpc_method_handler(self._in_two_parts(answer))
            for method, answer in answers.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        """See grpc.GenericRpcHandler."""
        method = handler_call_details.method
        return (self._apart if method in self._large else self._usual).get(method)

    def _noticing(self, method: str, answer: Handle) -> Handle:
        async def handle(data: bytes, context: Any) -> bytes:
            result = await answer(data, context)
            if len(result) >= LARGE_BYTES:
                self._large.add(method)
            return result

        return handle

    def _in_two_parts(self, answer: Handle) -> Callable[[bytes, Any], Awaitable[None]]:
        async def handle(data: bytes, context: Any) -> None:
            result = await answer(data, context)
            await context.write(result)
            await _read(self._gateway, len(result), context)

        return handle


async def _read(gateway: Gateway, size: int, context: Any) -> None:
    """Let a caller read an answer of that size, where the server will be gone afterwards.

    A caller has its answer with the status that comes after this: half of the time that it gave is left for that.
    """
    if size >= LARGE_BYTES and gateway.stopping.is_set():
        left_s = context.time_remaining()
        await asyncio.sleep(READING_S if left_s is None else min(READING_S, left_s / 2))


def _handler(gateway: Gateway, method: str, under_way: UnderWay) -> Handle:
    async def handle(data: bytes, context: Any) -> bytes:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | HorngateError] = loop.create_future()

        def respond(result: bytes | HorngateError) -> None:
            if not answer.done():
                answer.set_result(result)

        origin = await _admit(gateway, method, context)
        call = gateway.handle(method, data, _deadline_s(context), respond, origin)
        under_way.take(context)
        try:
            result = await answer
        except asyncio.CancelledError:
            if call is not None:
                gateway.cancel(call)
            raise
        if isinstance(result, HorngateError):
            await context.abort(code_of(result), str(result), trailers_of(result))
        return result  # type: ignore[return-value]

    return handle


def _stream_handler(
    gateway: Gateway, under_way: UnderWay
) -> Callable[[AsyncIterator[bytes], Any], Awaitable[None]]:
    async def handle(requests: AsyncIterator[bytes], context: Any) -> None:
        origin = await _admit(gateway, STREAM, context)
        try:
            stream = Stream(gateway, context.write, _deadline_s(context), origin)
            with under_way.taken(), gateway.door.staying(STREAM, _authorization(context), stream.end):
                try:
                    await stream.serve(requests)
                finally:
                    await _read(gateway, stream.largest, context)
        except HorngateError as error:
            await context.abort(code_of(error), str(error), trailers_of(error))

    return handle


async def _admit(gateway: Gateway, method: str, context: Any) -> Origin:
    try:
        token = gateway.door.admit(method, _authorization(context))
        trace = {} if gateway.spans is None else trace_headers(context.invocation_metadata() or ())
        return Origin(token, context.peer(), trace)
    except HorngateError as error:
        await context.abort(code_of(error), str(error))
        raise  # It has raised already.


def _authorization(context: Any) -> str:
    return str(dict(context.invocation_metadata() or ()).get(HEADER, ""))


def _deadline_s(context: Any) -> float | None:
    left_s = context.time_remaining()
    return None if left_s is None else time.monotonic() + left_s


def _enable_reflection(server: Any) -> None:
    for file in (health_pb2.DESCRIPTOR, horngate_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        with suppress(TypeError):  # It is in the pool already: another server of this process brought it.
            add_file(file)
    names: Sequence[str] = (
        *_SERVICES,
        health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
        reflection.SERVICE_NAME,
    )
    reflection.enable_server_reflection(names, server, pool=POOL)
