"""What is said of steps that are not taken."""

from horngate.contract.errors import (
    HorngateError,
    InvalidRequest,
    ResourceExhausted,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
)
from horngate.server.budget import size_text
from horngate.server.step import Step, lost

ENDED, EXPIRED, LOST = "ended", "expired", "lost"
"""How a sequence that is not there came to its end."""


def missing(step: Step, how: str | None) -> HorngateError:
    """There is no such sequence; None: nobody knows of one."""
    if how == EXPIRED:
        return SequenceExpired(
            f"{step.text} had no step for too long and has expired; begin it anew with sequence_start"
        )
    if how == LOST:
        return lost(step)
    if how == ENDED:
        return SequenceUnknown(f"{step.text} has ended; a new one begins with sequence_start")
    return SequenceUnknown(f"{step.text} is not there; a sequence begins with sequence_start")


def out_of_order(step: Step, expected: int) -> HorngateError:
    """The step's number is not the one that is due."""
    if step.number < expected:
        return SequenceLost(
            f"{step.text} received step {step.number}, which was computed before; expected step {expected}: its "
            "answer is gone, so begin anew with sequence_start, and send the steps again"
        )
    return InvalidRequest(f"{step.text} received step {step.number}; expected step {expected}")


def too_many(step: Step, most: int) -> ResourceExhausted:
    """As many sequences are under way as may be."""
    return ResourceExhausted(
        f"{step.text} cannot begin: {most} are under way, and model.toml allows {most}; end one with sequence_end, "
        "or wait until an idle one expires",
        reason="sequences",
    )


def no_room(step: Step, held_bytes: int, needed_bytes: int, left_bytes: int) -> ResourceExhausted:
    """There is no memory for more states."""
    return ResourceExhausted(
        f"{step.text} cannot begin: states take {size_text(held_bytes)}, more of them would take "
        f"{size_text(needed_bytes)} in growing, and they may take half of the {size_text(left_bytes)} that are "
        "left; end one with sequence_end, or give the server more memory (--memory)",
        reason="memory",
    )
