"""The client that blocks."""

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, Self, TypeVar

import grpc

from horngate.client import operations
from horngate.client.blocking_sequence import Sequence
from horngate.client.blocking_stream import predict_many
from horngate.client.channel import bearer, open_blocking
from horngate.client.classifying import classify
from horngate.client.sequences import REPLAY_BYTES, course_of
from horngate.client.session import DEFAULT_RETRY, Retry, Session
from horngate.client.steps import Call, Operation, Pause, method_signature
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

    Threads may share one. `timeout`, in seconds, is for calls that name none. With `credentials` the
    connection is TLS; `token` is shown with every call. `clock` (monotonic, seconds), `sleep` and `chance`
    (a number in [0, 1)) time the retries; tests replace them.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 60.0,
        retry: Retry = DEFAULT_RETRY,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._session = Session(
            target=target,
            timeout_s=timeout,
            retry=retry,
            metadata=bearer(token),
            clock=clock,
            chance=chance,
        )
        self._sleep = sleep
        self._channel = open_blocking(target, credentials)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way end with an error."""
        self._channel.close()

    predict = _blocking(operations.predict)
    predict_many = predict_many
    predict_timed = _blocking(operations.predict_timed)
    classify = _blocking(classify)
    models = _blocking(operations.models)
    describe = _blocking(operations.describe)
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
        resume: Callable[[], Call | Pause] = partial(next, operation)
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

    def _take(self, step: Call | Pause) -> bytes:
        if isinstance(step, Pause):
            self._sleep(step.delay_s)
            return b""
        try:
            method = self._channel.unary_unary(step.path)
            answer: bytes = method(step.request, timeout=step.timeout_s, metadata=self._session.metadata)
            return answer
        except grpc.RpcError as error:
            raise error_from(error.code(), error.details(), error.trailing_metadata()) from error
