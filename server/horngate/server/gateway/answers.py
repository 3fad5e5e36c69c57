"""What callers get, written from what a worker said."""

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
    except HorngateError as error:
        return error
    except Exception as fault:
        logger().exception("an answer could not be written", model=call.entry.name)
        return InternalError(f"{type(fault).__name__} inside the gateway: {fault}")
