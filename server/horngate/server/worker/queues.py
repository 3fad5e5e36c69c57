"""The requests that wait, by what may ride in one batch."""

from collections import deque

from horngate.server.worker.engines import Program
from horngate.server.worker.scheduler import Decision, QueueKey, plan
from horngate.server.worker.work import Work


class Queues:
    """Works with rows that have no batch, in order of arrival. The worker's main thread owns it."""

    def __init__(self) -> None:
        # Invariant: every queue holds a work, and the other dicts have the same keys as _queues.
        self._queues: dict[QueueKey, deque[Work]] = {}
        self._programs: dict[QueueKey, Program] = {}
        self._limits: dict[QueueKey, int] = {}
        self._rows: dict[QueueKey, int] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return sum(self._rows.values())

    @property
    def handles(self) -> set[str]:
        """The models that somebody waits for."""
        return {queue[0].handle for queue in self._queues.values()}

    @property
    def any_full(self) -> bool:
        """Whether some queue holds a whole batch."""
        return any(rows >= self._limits[key] for key, rows in self._rows.items())

    def add(self, key: QueueKey, work: Work, program: Program, limit: int) -> None:
        """Queue a work; batches of this queue have at most `limit` rows and run on `program`.

        The queue keeps its program, so that the model may give it up for others meanwhile.
        """
        work.queue = key
        self._programs[key] = program
        self._queues.setdefault(key, deque()).append(work)
        self._limits[key] = limit
        self._rows[key] = self._rows.get(key, 0) + work.rows

    def program(self, work: Work) -> Program:
        """What a waiting work runs on."""
        return self._programs[work.queue]

    def plan(self, now_s: float) -> Decision[Work]:
        """The next batch, as the scheduler decides it; nothing is taken yet."""
        return plan(self._queues, self._limits, now_s)

    def take(self, work: Work, rows: int) -> None:
        """Take the first `rows` waiting rows of a work out."""
        work.rows -= rows
        self._rows[work.queue] -= rows
        if work.rows == 0:
            self._leave(work)

    def remove(self, work: Work) -> None:
        """Take all that waits of a work out, if anything does."""
        if work.rows and work in self._queues.get(work.queue, ()):
            self.take(work, work.rows)

    def _leave(self, work: Work) -> None:
        queue = self._queues[work.queue]
        queue.remove(work)
        if not queue:
            for table in (self._queues, self._programs, self._limits, self._rows):
                del table[work.queue]
