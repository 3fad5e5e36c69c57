"""How long a batch may run: one that takes absurdly longer than anything foretold is in an engine that hangs."""

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakSet

from horngate.server.settings import BATCH_TIMEOUT_S
from horngate.server.worker.engines import Program, most_rows
from horngate.server.worker.notes import Note
from horngate.server.worker.work import Batch

FORETOLD_TIMES = 100
UNFORETOLD_S = 900.0
"""Allowed where nothing is foretold: a first run may compile, the training phase too; a probe may be waited for."""

LONGEST_LOOK_S = 6.0
"""So much counts between two looks at the most: whoever was stopped meanwhile has no engine that hangs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Running:
    """What the runner does: the model, the batch's rows, and what that may take."""

    handle: str
    rows: int
    allowed_s: float


class Patience:
    """What runs, and whether for too long. The runner's thread tells it, the main thread looks and sets `floor_s`.

    No batch is given up before `floor_s`. `note` tells whoever outlives this process what it was running.
    """

    def __init__(self, note: Note) -> None:
        self.floor_s = BATCH_TIMEOUT_S
        self._note = note
        self._running: Running | None = None
        # Invariant: holds programs that have run; what they compile is compiled.
        self._warm: WeakSet[Program] = WeakSet()
        # The main thread's: what it saw last and when, and how long that had been running.
        self._seen: Running | None = None
        self._looked_s = 0.0
        self._took_s = 0.0

    def know(self, programs: Iterable[Program]) -> None:
        """These have run before they are asked for."""
        for program in programs:
            self._warm.add(program)

    def waits(self, batch: Batch) -> None:
        """A batch waits until whoever measures another program is done."""
        self._running = Running(handle=batch.handle, rows=batch.rows, allowed_s=self._at_least(UNFORETOLD_S))

    def begins(self, batch: Batch) -> None:
        """A batch, or a part of one, begins to run."""
        foretold_s = UNFORETOLD_S if self._may_compile(batch) else FORETOLD_TIMES * batch.charged_s
        allowed_s = self._at_least(foretold_s)
        self._running = Running(handle=batch.handle, rows=batch.rows, allowed_s=allowed_s)
        self._note.running(batch.handle, batch.rows)

    def ended(self, batch: Batch) -> None:
        """It has run, well or not."""
        self._note.idle()
        self._running = None
        if batch.fault is None:
            self._warm.add(batch.program)

    def overdue(self, now_s: float) -> Running | None:
        """What runs for longer than it may, by as much as was seen of that; asked every few seconds."""
        running = self._running
        if running is not self._seen:
            self._seen, self._took_s = running, 0.0
        else:
            self._took_s += min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        return running if running is not None and self._took_s > running.allowed_s else None

    def _at_least(self, seconds: float) -> float:
        return max(self.floor_s, seconds)

    def _may_compile(self, batch: Batch) -> bool:
        if batch.shares[0].work.seed is not None:
            return True
        compiled_rows = most_rows(batch.program, batch.shapes)
        return batch.program not in self._warm if compiled_rows is None else batch.rows > compiled_rows
