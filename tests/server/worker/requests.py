"""Requests for tests that run no model: as the queues see one, and as a worker has it."""

from dataclasses import dataclass, field
from typing import Any

from horngate.server.worker.engines import Array
from horngate.server.worker.scheduler import rank_s
from horngate.server.worker.work import Work


@dataclass(eq=False, kw_only=True)
class Request:
    """`name` is for people; `ran` gathers the rows that batches took, in order."""

    rows: int
    name: str = ""
    handle: str = "model"
    arrived_s: float = 0.0
    deadline_s: float | None = None
    alone: bool = False
    priority: int = 0
    bytes: int = 0
    lane: Any = None
    turn: Any = None
    rank_s: float = field(init=False)
    total_rows: int = field(init=False)
    ran: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rank_s = rank_s(self.arrived_s, self.priority)
        self.total_rows = self.rows


def work_of(x: Array, **told: Any) -> Work:
    """A request for these rows, the model's one input, that came at 0 s; `told` is the rest."""
    return Work(inputs=[x], total_rows=len(x), arrived_s=0.0, bytes=x.nbytes, **told)
