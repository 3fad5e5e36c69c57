"""One unary call, repeated while servers are unavailable or full, and the deadline allows."""

from itertools import count
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from horngate.client.servers import LOOK_S
from horngate.client.session import Session
from horngate.client.steps import Call, Deadline, Look, Operation, Pause
from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    ResourceExhausted,
    Unavailable,
)
from horngate.oip.messages import SERVICE, ServerLiveRequest

M = TypeVar("M", bound=Message)


def ask(
    session: Session, path: str, request: Message, answer: type[M], deadline: Deadline, server: str = ""
) -> Operation[M]:
    """Send a message to the method at `path` and parse its answer."""
    data = yield from exchange(session, path, request.SerializeToString(), deadline, server)
    return parse(session, answer, data)


def exchange(
    session: Session,
    path: str,
    request: bytes,
    deadline: Deadline,
    server: str = "",
    *,
    may_move: bool = False,
) -> Operation[bytes]:
    """Send `request` until it is answered: to every server that is up, then again after a wait, longer each time.

    A server whose queue is full says when to ask again, and is asked then. With `server` it goes to no other; if it
    `may_move`, Unavailable is raised as soon as there is one to move to.
    """
    tried: list[str] = []
    rounds = count()
    for attempt in count(1):
        turn = server or (yield from _turn(session, tried))
        tried.append(turn)
        failure: ResourceExhausted | Unavailable
        try:
            return (yield from once(session, turn, path, request, deadline))
        except ResourceExhausted as error:
            if error.retry_after_s is None:
                raise
            failure = error
        except Unavailable as error:
            if may_move and session.servers.has_other(tried):
                raise
            failure = error
        if not server and session.servers.has_other(tried):
            continue
        delay_s = _delay_s(session, failure, next(rounds))
        if delay_s >= deadline.remaining_s():
            raise _given_up(session, failure, attempt, deadline) from failure
        tried.clear()
        yield Pause(delay_s=delay_s)
    raise AssertionError("unreachable: count() does not end")


def once(session: Session, server: str, path: str, request: bytes, deadline: Deadline) -> Operation[bytes]:
    """Send `request` to a server a single time, and remember whether it answered."""
    remaining_s = deadline.remaining_s()
    too_late = (
        f"server {server}: no answer to {path} within {deadline.budget_s:g} s; a longer timeout waits longer"
    )
    if remaining_s <= 0:
        raise DeadlineExceeded(too_late)
    try:
        answer = yield Call(server=server, path=path, request=request, timeout_s=remaining_s)
    except DeadlineExceeded as error:
        session.servers.failed(server)
        raise DeadlineExceeded(f"{too_late} ({error})") from error
    except Unavailable:
        session.servers.failed(server)
        raise
    except HorngateError:
        session.servers.answered(server)
        raise
    session.servers.answered(server)
    return answer


def _turn(session: Session, tried: list[str]) -> Operation[str]:
    """The server whose turn it is; those that were down are looked at beside it."""
    turn = session.servers.next(tried)
    for each in turn.to_look_at:
        request = ServerLiveRequest().SerializeToString()
        call = Call(server=each, path=oip_path("ServerLive"), request=request, timeout_s=LOOK_S)
        yield Look(call=call, told=session.servers.verdict(each))
    return turn.server


def _delay_s(session: Session, failure: ResourceExhausted | Unavailable, round_: int) -> float:
    if isinstance(failure, ResourceExhausted) and failure.retry_after_s is not None:
        # Half as long again at the most, so that those who were refused together do not come back together.
        return failure.retry_after_s * (1 + session.chance() / 2)
    return session.retry.delay_s(round_, session.chance())


def _given_up(
    session: Session, failure: ResourceExhausted | Unavailable, attempts: int, deadline: Deadline
) -> HorngateError:
    if isinstance(failure, ResourceExhausted):
        return failure
    tries = f"{attempts} attempt{'s' if attempts > 1 else ''}"
    return Unavailable(
        f"server {session.servers}: {failure} (gave up after {tries} in {deadline.budget_s:g} s)"
    )


def parse(session: Session, answer: type[M], data: bytes) -> M:
    """An answer's message. InternalError: the bytes are not one."""
    try:
        return answer.FromString(data)
    except DecodeError:
        raise InternalError(
            f"server {session.servers}: received {len(data)} bytes; expected an {answer.DESCRIPTOR.full_name}"
        ) from None


def oip_path(method: str) -> str:
    """The path of one of the Open Inference Protocol's methods."""
    return f"/{SERVICE}/{method}"
