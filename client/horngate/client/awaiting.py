"""The client that is awaited."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import cached_property, partial, wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import grpc
import grpc.aio

from horngate.client import loading, operations
from horngate.client.awaiting_sequence import AsyncSequence
from horngate.client.awaiting_stream import predict_many
from horngate.client.channel import Compression, bearer, open_async
from horngate.client.classifying import classify
from horngate.client.sequences import REPLAY_BYTES, course_of
from horngate.client.servers import Servers, addresses_of
from horngate.client.session import DEFAULT_RETRY, Retry, Session
from horngate.client.steps import Look, Operation, Pause, Step, method_signature
from horngate.contract.errors import HorngateError
from horngate.oip.status import error_from

P = ParamSpec("P")
T = TypeVar("T")


def _awaiting(
    operation: Callable[Concatenate[Session, P], Operation[T]],
) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    """The method whose awaiting runs an operation to its end."""

    @wraps(operation)
    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client._run(operation(client._session, *args, **kwargs))

    method.__signature__ = method_signature(operation)  # type: ignore[attr-defined]
    return method


class AsyncClient:
    """`Client`, awaited: the same methods with the same arguments.

        async with AsyncClient("localhost:8001") as client:
            probabilities = await client.predict("digits", images)

    Tasks of one event loop may share one; it belongs to the loop of its first call.
    """

    def __init__(
        self,
        target: str | Iterable[str],
        *,
        timeout: float = 60.0,
        retry: Retry = DEFAULT_RETRY,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
        compression: Compression | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._session = Session(
            servers=Servers(addresses_of(target), clock),
            timeout_s=timeout,
            retry=retry,
            metadata=bearer(token),
            clock=clock,
            chance=chance,
        )
        self._sleep = sleep
        self._credentials = credentials
        self._compression = compression
        self._looks: set[asyncio.Future[grpc.StatusCode]] = (
            set()
        )  # A loop keeps no task that nobody else does.

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls under way end with an error."""
        for look in self._looks:
            look.cancel()
        for channel in self._channels.values():
            await channel.close()

    predict = _awaiting(operations.predict)
    predict_many = predict_many
    predict_timed = _awaiting(operations.predict_timed)
    classify = _awaiting(classify)
    models = _awaiting(operations.models)
    describe = _awaiting(operations.describe)
    load = _awaiting(loading.load)
    unload = _awaiting(loading.unload)
    upload = _awaiting(loading.upload)
    is_live = _awaiting(operations.is_live)
    is_ready = _awaiting(operations.is_ready)

    @cached_property
    def _channels(self) -> dict[str, grpc.aio.Channel]:
        # Opened by the first call: gRPC binds a channel to the loop that is current when it is made.
        return {
            server: open_async(server, self._credentials, self._compression)
            for server in self._session.servers.addresses
        }

    def sequence(
        self,
        model: str,
        *,
        version: str | int | None = None,
        id: int | str | None = None,
        replay: bool = False,
        replay_bytes: int = REPLAY_BYTES,
    ) -> AsyncSequence:
        """A sequence of a stateful model, which begins with its first `predict`.

        The server keeps the states from step to step. With `replay`, up to `replay_bytes` of inputs are kept here:
        if the server loses the sequence, with a worker that ended for one, they are sent again from the start, and
        nobody notices but by the time it takes. `id` is a new one unless given; to give one that is in use begins
        that sequence anew.
        """
        course = course_of(self._session, model, version, id, replay_bytes if replay else 0)
        return AsyncSequence(course, self._run)

    async def _run(self, operation: Operation[T]) -> T:
        resume: Callable[[], Step] = partial(next, operation)
        while True:
            try:
                step = resume()
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                resume = partial(operation.send, await self._take(step))
            except HorngateError as error:
                resume = partial(operation.throw, error)

    async def _take(self, step: Step) -> bytes:
        if isinstance(step, Pause):
            await self._sleep(step.delay_s)
            return b""
        if isinstance(step, Look):
            self._look(step)
            return b""
        try:
            method = self._channels[step.server].unary_unary(step.path)
            answer: bytes = await method(
                step.request, timeout=step.timeout_s, metadata=self._session.metadata
            )
            return answer
        except grpc.aio.AioRpcError as error:
            raise error_from(error.code(), error.details() or "", error.trailing_metadata()) from error

    def _look(self, look: Look) -> None:
        method = self._channels[look.call.server].unary_unary(look.call.path)
        call = method(look.call.request, timeout=look.call.timeout_s, metadata=self._session.metadata)
        task = asyncio.ensure_future(call.code())
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)
        task.add_done_callback(
            lambda done: None if done.cancelled() else look.told(done.result() is grpc.StatusCode.OK)
        )
