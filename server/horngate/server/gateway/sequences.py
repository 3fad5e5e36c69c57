"""The request parameters that make a request a step of a sequence, and which worker holds it.

`sequence_id`, `sequence_start` and `sequence_end` are those of the protocol's sequence extension; `sequence_step`,
which counts the steps from 1, and `reset_states` are ours.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from horngate.contract.errors import InvalidRequest, Unsupported
from horngate.contract.names import nearest
from horngate.oip.messages import ModelInferRequest
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.schedule import parameter_text, read_flag, read_whole
from horngate.server.step import Step

MAX_ID_BYTES = 256


def is_continuing(message: ModelInferRequest) -> bool:
    """Whether a request goes on with a sequence, which may run on a version that takes no new ones."""
    parameters = message.parameters
    if not parameters or "sequence_id" not in parameters or not _value(parameters["sequence_id"]):
        return False
    return not ("sequence_start" in parameters and parameters["sequence_start"].bool_param)


def read_step(entry: Entry, message: ModelInferRequest) -> Step | None:
    """The step that a request is; None if it belongs to no sequence. An id of 0 or "" is none.

    InvalidRequest: a parameter is not what it should be. Unsupported: the model is not served as sequences.
    """
    if not message.parameters or "sequence_id" not in message.parameters:
        return None
    id_ = _id(entry, message)
    if not id_:
        return None
    if not entry.report.get("sequences"):
        raise Unsupported(f"model '{entry.name}': received a sequence_id; {_why_alone(entry)}")
    start = read_flag(entry, message, "sequence_start")
    return Step(
        model=entry.name,
        version=message.model_version,
        id=id_,
        start=start,
        end=read_flag(entry, message, "sequence_end"),
        number=read_whole(entry, message, "sequence_step") or int(start),
        fresh=_fresh(entry, message),
    )


def owner(step: Step, seats: Sequence[str]) -> str:
    """The worker that holds a sequence, of those that its model is to be on: every gateway finds the same.

    Each has a weight that the sequence gives it, and the heaviest is it, so that a worker that is given up moves no
    other's sequences.
    """
    if len(seats) == 1:
        return seats[0]
    named = f"{step.model}\0{step.id!r}"
    return max(seats, key=lambda seat: hashlib.blake2b(f"{seat}\0{named}".encode(), digest_size=8).digest())


def _id(entry: Entry, message: ModelInferRequest) -> int | str:
    value = message.parameters["sequence_id"]
    found = _value(value)
    if isinstance(found, str) and len(found.encode()) <= MAX_ID_BYTES:
        return found
    if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
        return found
    raise InvalidRequest(
        f"model '{entry.name}': parameter 'sequence_id' is {parameter_text(value)[:64]}; expected a whole number, "
        f"0 or more, or a string of at most {MAX_ID_BYTES} bytes"
    )


def _value(parameter: Any) -> Any:
    kind = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, kind) if kind else None


def _fresh(entry: Entry, message: ModelInferRequest) -> tuple[int, ...]:
    """The numbers of the states that `reset_states` names: `true` for all, or layers, separated by commas."""
    if "reset_states" not in message.parameters:
        return ()
    value = message.parameters["reset_states"]
    kind = value.WhichOneof("parameter_choice")
    if kind == "bool_param":
        return tuple(range(len(entry.states))) if value.bool_param else ()
    if kind != "string_param":
        raise InvalidRequest(
            f"model '{entry.name}': parameter 'reset_states' is {parameter_text(value)}; expected true, or the "
            "names of layers, separated by commas"
        )
    places = {name.strip() for name in value.string_param.split(",")}
    known = {place: None for state in entry.states for place in (state.layer, state.place)}
    for place in places - known.keys():
        raise InvalidRequest(
            f"model '{entry.name}': reset_states names '{place}'; layers that keep states are "
            f"{nearest(place, known)}"
        )
    return tuple(n for n, state in enumerate(entry.states) if places & {state.layer, state.place})


def _why_alone(entry: Entry) -> str:
    if not entry.states:
        return "its layers keep no states from request to request"
    return f"it answers every request by itself: {entry.alone or 'its layers are placed on several devices'}"
