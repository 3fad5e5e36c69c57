"""A request as the queues see it, for tests that run no model."""

from dataclasses import dataclass, field
from typing import Any

from horngate.server.worker.scheduler import rank_s


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
