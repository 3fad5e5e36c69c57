"""What callers get, written from what a worker said."""

from collections.abc import Iterable
from typing import Any

from horngate.contract.errors import HorngateError, InternalError
from horngate.server.gateway.alike import parted
from horngate.server.gateway.infer import Answer, Call, write_answer
from horngate.server.gateway.schedule import Ride
from horngate.server.logs import logger


def all_written(calls: list[Call | None], outputs: Any, raws: list[Any]) -> list[Answer]:
    """The answers of calls that went together, to those who wait for one."""
    answers: list[Answer] = []
    shapes = [shape for shape, _ in outputs]
    for call, (own_shapes, own) in zip(calls, parted(shapes, raws, len(calls)), strict=True):
        if call is not None and not call.answered:
            call.answered = True
            answers.append((call, written(call, own_shapes, own, None)))
    return answers


def written(call: Call, shapes: list[list[int]], raws: list[Any], ride: Ride | None) -> bytes | HorngateError:
    """The answer; an error where it does not fit into the caller's shared memory, or cannot be written at all.

    Whatever it is, it is this call's alone: the others of its batch are answered.
    """
    try:
        return write_answer(call, shapes, raws, ride)
    except Exception as fault:
        return told(fault, "an answer could not be written", model=call.entry.name)


def in_vain(calls: Iterable[Call | None], fault: Exception) -> list[Answer]:
    """What those who wait for answers are told that could not be taken from a reply."""
    error = told(fault, "a reply could not be taken")
    waiting = [call for call in calls if call is not None and not call.answered]
    for call in waiting:
        call.answered = True
    return [(call, error) for call in waiting]


def told(fault: Exception, what: str, **about: str) -> HorngateError:
    """What a caller is told of a fault; one that is the gateway's own is logged besides, with what failed."""
    if isinstance(fault, HorngateError):
        return fault
    logger().exception(what, **about)
    return InternalError(f"{type(fault).__name__} inside the gateway: {fault}")
