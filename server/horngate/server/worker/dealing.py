"""What batches came to: dealt out to those who asked, learned from, counted."""

import time
from collections.abc import Callable

from horngate.contract.errors import HorngateError
from horngate.server.worker.account import Account
from horngate.server.worker.engines import Array
from horngate.server.worker.faults import explained
from horngate.server.worker.lessons import Lessons
from horngate.server.worker.models import ServedModel
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.work import Batch, Share, Work


class Dealing:
    """Told of every batch, or part of one, that has run. The main thread owns it.

    `end` answers a work with an error, and `step_over` lets the step behind one go on.
    """

    def __init__(
        self,
        lessons: Lessons,
        sequences: Sequences,
        account: Account,
        end: Callable[[Work, HorngateError], None],
        step_over: Callable[[Work], None],
    ) -> None:
        self._lessons = lessons
        self._sequences = sequences
        self._account = account
        self._end = end
        self._step_over = step_over

    def deal(self, batch: Batch) -> float:
        """Give each request its part of the outputs, and answer those that have all; the seconds that it took."""
        if batch.states:
            self._sequences.keep(batch)
        begin_s = time.perf_counter()
        for share, outputs in zip(batch.shares, batch.split(), strict=True):
            self._add_part(share, outputs, batch)
        return time.perf_counter() - begin_s

    def count(self, batch: Batch, model: ServedModel, output_s: float) -> None:
        """Learn from a batch that was dealt out, and tell of it."""
        self._lessons.take(batch, model)
        self._lessons.answered(batch, model)
        self._account.ran(batch, model, output_s)

    def fail(self, batch: Batch, model: ServedModel, fault: Exception) -> None:
        """Tell those who asked what a batch failed of; what is taken in again knows by then what it teaches."""
        self._lessons.take(batch, model)
        self._account.failed(batch, model)
        for share in batch.shares:
            share.work.running_rows -= share.rows
            self._end(share.work, explained(fault, model))

    def _add_part(self, share: Share, outputs: list[Array], batch: Batch) -> None:
        work = share.work
        work.running_rows -= share.rows
        work.parts.append(outputs)
        work.compute_s += batch.compute_s
        work.batch_rows = max(work.batch_rows, batch.rows)
        if work.error is not None:
            self._end(work, work.error)
        elif work.is_done:
            self._sequences.keep_parts(work)
            work.owner.reply(work, work.results())
            self._step_over(work)
