"""The request parameters that say how a request is to wait, and the response's that say how it did.

`priority` and `timeout` are those of the protocol's schedule policy extension; `timings` is ours.
"""

from dataclasses import dataclass, field
from typing import Any

from horngate.contract.errors import InvalidRequest
from horngate.oip.messages import ModelInferRequest, ModelInferResponse
from horngate.server.gateway.routes import Entry

_INTEGERS = ("int64_param", "uint64_param")


@dataclass(frozen=True)
class Ride:
    """How a request fared on its worker: its wait, its batches' time in the engine, its largest batch."""

    queue_s: float
    compute_s: float
    batch_rows: int
    worker: str = field(kw_only=True)


def read_priority(entry: Entry, message: ModelInferRequest) -> int:
    """`priority`: 1 is the highest, 0, or none, the default. InvalidRequest: not a whole number from 0 on."""
    return read_whole(entry, message, "priority") or 0


def read_deadline(
    entry: Entry, message: ModelInferRequest, deadline_s: float | None, now_s: float
) -> float | None:
    """The call's own deadline, or an earlier one that `timeout` sets, in microseconds from now; 0 sets none."""
    timeout_us = read_whole(entry, message, "timeout")
    if not timeout_us:
        return deadline_s
    asked_s = now_s + timeout_us / 1e6
    return asked_s if deadline_s is None else min(asked_s, deadline_s)


def read_timings(entry: Entry, message: ModelInferRequest) -> bool:
    """`timings`: whether the response's parameters are to say how the request fared."""
    return read_flag(entry, message, "timings")


def write_timings(response: ModelInferResponse, total_s: float, ride: Ride) -> None:
    """How the request fared, in microseconds: waiting, in the engine, in all; its batch's rows; its worker."""
    parameters = response.parameters
    parameters["queue_us"].int64_param = round(ride.queue_s * 1e6)
    parameters["compute_us"].int64_param = round(ride.compute_s * 1e6)
    parameters["total_us"].int64_param = round(total_s * 1e6)
    parameters["batch_rows"].int64_param = ride.batch_rows
    parameters["worker"].string_param = ride.worker


def read_flag(entry: Entry, message: ModelInferRequest, name: str) -> bool:
    """A parameter that says yes or no; no if it is not there. InvalidRequest: it says neither."""
    if not message.parameters or name not in message.parameters:
        return False
    value = message.parameters[name]
    if value.WhichOneof("parameter_choice") != "bool_param":
        raise InvalidRequest(
            f"model '{entry.name}': parameter '{name}' is {parameter_text(value)}; expected a bool_param"
        )
    return bool(value.bool_param)


def read_whole(entry: Entry, message: ModelInferRequest, name: str) -> int | None:
    """A parameter that is a number; None if it is not there. InvalidRequest: not a whole number from 0 on."""
    if not message.parameters or name not in message.parameters:
        return None
    value = message.parameters[name]
    kind = value.WhichOneof("parameter_choice")
    number = getattr(value, kind) if kind in _INTEGERS else -1
    if number < 0:
        raise InvalidRequest(
            f"model '{entry.name}': parameter '{name}' is {parameter_text(value)}; "
            "expected a whole number, 0 or more"
        )
    return int(number)


def parameter_text(value: Any) -> str:
    """A parameter for people."""
    kind = value.WhichOneof("parameter_choice")
    return repr(getattr(value, kind)) if kind else "empty"
