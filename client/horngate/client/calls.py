"""One unary call, repeated while the server is unavailable or full, and the deadline allows."""

from itertools import count
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from horngate.client.session import Session
from horngate.client.steps import Call, Deadline, Operation, Pause
from horngate.contract.errors import DeadlineExceeded, InternalError, ResourceExhausted, Unavailable
from horngate.oip.messages import SERVICE

M = TypeVar("M", bound=Message)


def ask(session: Session, path: str, request: Message, answer: type[M], deadline: Deadline) -> Operation[M]:
    """Send a message to the method at `path` and parse its answer."""
    data = yield from exchange(session, path, request.SerializeToString(), deadline)
    return parse(session, answer, data)


def exchange(session: Session, path: str, request: bytes, deadline: Deadline) -> Operation[bytes]:
    """Send `request` until it is answered, waiting a little longer each time the server is unavailable.

    A server whose queue is full says when to ask again, and is asked then.
    """
    for attempt in count():
        try:
            return (yield from once(session, path, request, deadline))
        except ResourceExhausted as error:
            if error.retry_after_s is None:
                raise
            # Half as long again at the most, so that those who were refused together do not come back together.
            delay_s = error.retry_after_s * (1 + session.chance() / 2)
            if delay_s >= deadline.remaining_s():
                raise
        except Unavailable as error:
            delay_s = session.retry.delay_s(attempt, session.chance())
            if delay_s >= deadline.remaining_s():
                tries = f"{attempt + 1} attempt{'s' if attempt else ''}"
                raise Unavailable(
                    f"server {session.target}: {error} (gave up after {tries} in {deadline.budget_s:g} s)"
                ) from error
        yield Pause(delay_s=delay_s)
    raise AssertionError("unreachable: count() does not end")


def once(session: Session, path: str, request: bytes, deadline: Deadline) -> Operation[bytes]:
    """Send `request` a single time."""
    remaining_s = deadline.remaining_s()
    too_late = (
        f"server {session.target}: no answer to {path} within {deadline.budget_s:g} s; "
        "a longer timeout waits longer"
    )
    if remaining_s <= 0:
        raise DeadlineExceeded(too_late)
    try:
        return (yield Call(path=path, request=request, timeout_s=remaining_s))
    except DeadlineExceeded as error:
        raise DeadlineExceeded(f"{too_late} ({error})") from error


def parse(session: Session, answer: type[M], data: bytes) -> M:
    """An answer's message. InternalError: the bytes are not one."""
    try:
        return answer.FromString(data)
    except DecodeError:
        raise InternalError(
            f"server {session.target}: received {len(data)} bytes; expected an {answer.DESCRIPTOR.full_name}"
        ) from None


def oip_path(method: str) -> str:
    """The path of one of the Open Inference Protocol's methods."""
    return f"/{SERVICE}/{method}"
