"""How long a call may wait for a worker that takes it, and what it is told after that."""

from horngate.contract.errors import DeadlineExceeded, HorngateError, Unavailable
from horngate.server.gateway.infer import Call
from horngate.server.gateway.routes import Entry

HOLD_S = 60.0
TRAINING_HOLD_S = 600.0
"""For a call in the training phase, which may have to wait until Keras has loaded."""


def held_too_long(call: Call, now_s: float) -> HorngateError | None:
    """The error of a call that has waited for as long as it may; None while it may wait on."""
    late = call.deadline_s is not None and call.deadline_s <= now_s
    hold_s = HOLD_S if call.seed is None else TRAINING_HOLD_S
    if not late and now_s < call.arrived_s + hold_s:
        return None
    waited = f"{_waits_for(call.entry)} in {now_s - call.arrived_s:.3f} s"
    return DeadlineExceeded(waited) if late else Unavailable(waited)


def _waits_for(entry: Entry) -> str:
    if not entry.trains:
        return f"no worker for model '{entry.name}'"
    return (
        f"the training phase of model '{entry.name}', loaded on Keras when it is first asked for, is not ready "
        f"({entry.reason})"
    )
