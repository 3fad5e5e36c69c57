"""How a request fared inside the server, as its answer's parameters tell."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from horngate.contract.errors import Unsupported
from horngate.oip.messages import ModelInferResponse


@dataclass(frozen=True, kw_only=True)
class Timings:
    """In seconds: waiting for a batch, in the engine, and from arrival to answer; all but the network.

    `batch_rows` are the rows of the largest batch that it rode in, its own among them; `worker` ran it.
    """

    queue_s: float
    compute_s: float
    total_s: float
    batch_rows: int
    worker: str


class TimedPrediction(NamedTuple):
    """What `predict` would have returned, and how long it took where."""

    outputs: Any
    timings: Timings


def read_timings(response: ModelInferResponse) -> Timings:
    """The timings of an answer. Unsupported: the server sent none."""
    parameters = response.parameters
    if "total_us" not in parameters:
        raise Unsupported("the server sent no timings; expected a Horngate server")
    return Timings(
        queue_s=parameters["queue_us"].int64_param / 1e6,
        compute_s=parameters["compute_us"].int64_param / 1e6,
        total_s=parameters["total_us"].int64_param / 1e6,
        batch_rows=parameters["batch_rows"].int64_param,
        worker=parameters["worker"].string_param,
    )
