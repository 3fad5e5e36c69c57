"""The client that blocks."""

import random
import time
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, Self, TypeVar

import grpc

from horngate.client import loading, operations
from horngate.client.blocking_sequence import Sequence
from horngate.client.blocking_stream import predict_many
from horngate.client.channel import Compression, bearer, open_blocking
from horngate.client.classifying import classify
from horngate.client.sequences import REPLAY_BYTES, course_of
from horngate.client.servers import Servers, addresses_of
from horngate.client.session import DEFAULT_RETRY, Retry, Session
from horngate.client.steps import Look, Operation, Pause, Step, method_signature
from horngate.contract.errors import HorngateError
from horngate.oip.status import error_from

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    operation: Callable[Concatenate[Session, P], Operation[T]],
) -> "Callable[Concatenate[Client, P], T]":
    """The method that runs an operation to its end."""

    @wraps(operation)
    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client._run(operation(client._session, *args, **kwargs))

    method.__signature__ = method_signature(operation)  # type: ignore[attr-defined]
    return method


class Client:
    """A connection to a Horngate server, or to any server of the Open Inference Protocol.

        with Client("localhost:8001") as client:
            probabilities = client.predict("digits", images)

    Several servers with the same models, as "a:8001,b:8001" or a list, have their turn one after another. One that
    is down is left out until it is back, and what was sent to it goes to another; a sequence stays where it began.

    Threads may share one. `timeout`, in seconds, is for calls that name none. With `credentials` the connection is
    TLS; `token` is shown with every call; `compression="gzip"` is for what is sent, where the network is slower
    than zlib. `clock` (monotonic, seconds), `sleep` and `chance` (a number in [0, 1)) time the retries; tests
    replace them.
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
        sleep: Callable[[float], None] = time.sleep,
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
        self._channels = {
            server: open_blocking(server, credentials, compression)
            for server in self._session.servers.addresses
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way end with an error."""
        for channel in self._channels.values():
            channel.close()

    predict = _blocking(operations.predict)
    predict_many = predict_many
    predict_timed = _blocking(operations.predict_timed)
    classify = _blocking(classify)
    models = _blocking(operations.models)
    describe = _blocking(operations.describe)
    load = _blocking(loading.load)
    unload = _blocking(loading.unload)
    upload = _blocking(loading.upload)
    is_live = _blocking(operations.is_live)
    is_ready = _blocking(operations.is_ready)

    def sequence(
        self,
        model: str,
        *,
        version: str | int | None = None,
        id: int | str | None = None,
        replay: bool = False,
        replay_bytes: int = REPLAY_BYTES,
    ) -> Sequence:
        """A sequence of a stateful model, which begins with its first `predict`.

        The server keeps the states from step to step. With `replay`, up to `replay_bytes` of inputs are kept here:
        if the server loses the sequence, with a worker that ended for one, they are sent again from the start, and
        nobody notices but by the time it takes. `id` is a new one unless given; to give one that is in use begins
        that sequence anew.
        """
        course = course_of(self._session, model, version, id, replay_bytes if replay else 0)
        return Sequence(course, self._run)

    def _run(self, operation: Operation[T]) -> T:
        resume: Callable[[], Step] = partial(next, operation)
        while True:
            try:
                step = resume()
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                resume = partial(operation.send, self._take(step))
            except HorngateError as error:
                resume = partial(operation.throw, error)

    def _take(self, step: Step) -> bytes:
        if isinstance(step, Pause):
            self._sleep(step.delay_s)
            return b""
        if isinstance(step, Look):
            self._look(step)
            return b""
        try:
            method = self._channels[step.server].unary_unary(step.path)
            answer: bytes = method(step.request, timeout=step.timeout_s, metadata=self._session.metadata)
            return answer
        except grpc.RpcError as error:
            raise error_from(error.code(), error.details(), error.trailing_metadata()) from error

    def _look(self, look: Look) -> None:
        method = self._channels[look.call.server].unary_unary(look.call.path)
        answer = method.future(
            look.call.request, timeout=look.call.timeout_s, metadata=self._session.metadata
        )
        answer.add_done_callback(lambda done: look.told(done.code() is grpc.StatusCode.OK))
