"""What the scheduler decided, performed: batches started, their outputs dealt out, requests ended."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    ResourceExhausted,
    SequenceLost,
    Unavailable,
)
from horngate.server.metrics import WorkerMetrics
from horngate.server.pace import Pace
from horngate.server.worker.account import Account
from horngate.server.worker.bounds import NOTHING, Asked, Line, Size, refusal
from horngate.server.worker.company import kin, limit
from horngate.server.worker.dealing import Dealing
from horngate.server.worker.engines import Program, enqueues
from horngate.server.worker.engines.training import TrainingProgram
from horngate.server.worker.forming import formed, is_brief, ride_of, taken
from horngate.server.worker.lessons import Lessons
from horngate.server.worker.models import ServedModel
from horngate.server.worker.patience import Patience
from horngate.server.worker.queues import Queues
from horngate.server.worker.room import Room
from horngate.server.worker.runner import Runner
from horngate.server.worker.scheduler import Decision
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.work import Batch, Work

BATCHES_AHEAD = 2
ENQUEUED_AHEAD = 4
"""Of a program whose device computes by itself: one is computed, one waits there, one is enqueued, one merged."""
Refuse = Callable[[Work, HorngateError], None]


class Batcher:
    """The queues, and the batches under way. The main thread owns it; the runner's thread runs the batches.

    `deliver` has something called on the main thread; `models` are those that the worker holds.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        deliver: Callable[[Callable[[], None]], None],
        metrics: WorkerMetrics,
        room: Room,
        patience: Patience,
        device: str,
        sequences: Sequences,
        account: Account,
    ) -> None:
        # Called with a step of a sequence that waited for the one before it, when its turn has come.
        self.proceed: Callable[[Work], None] = lambda work: None
        # Called with a work that failed.
        self.refuse: Refuse = lambda work, error: work.owner.refuse(work.request, error)
        # Sends what is answered.
        self.flush: Callable[[], None] = lambda: None
        self.batches_run = 0
        self.rows_run: Counter[str] = Counter()
        self.lessons = Lessons(metrics, device)
        self._models = models
        self._sequences = sequences
        self._dealing = Dealing(self.lessons, sequences, account, self.end, self._step_over)
        # Invariant: a Work with rows that have no batch is in _queues; _under_way counts batches by model.
        self._queues: Queues[Work] = Queues()
        self._under_way: Counter[str] = Counter()
        self._running_s = 0.0
        self._alone_under_way = False
        self._wake_s = math.inf
        self._most_ahead = BATCHES_AHEAD
        self._pace = Pace()
        self._runner = Runner(lambda batches: deliver(lambda: self._finished(batches)), room, patience)

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._queues)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._queues.rows

    @property
    def handles(self) -> set[str]:
        """The models that somebody waits for."""
        return self._queues.handles | {handle for handle, count in self._under_way.items() if count}

    @property
    def wake_s(self) -> float:
        """When `dispatch` has to be called next, if nothing happens before."""
        return min(self._wake_s, self._queues.next_deadline_s or math.inf)

    def oldest_s(self, handle: str) -> float | None:
        """When the request of a model that has waited longest arrived; None if none waits."""
        return self._queues.oldest_s(handle)

    @property
    def ahead_s(self) -> float:
        """What waits and what runs, in expected seconds of the device."""
        return self._running_s + self._queues.expected_s

    def welcome(self, model: ServedModel) -> None:
        """Prepare a model's account, as its settings say."""
        flow = self._queues.flow(model.order.handle)
        flow.max_delay_s, flow.weight = model.order.queue.max_delay_s, model.order.queue.weight

    def forget(self, handle: str) -> None:
        """Drop what is known of a model that is unloaded."""
        self._queues.forget(handle)
        self._sequences.forget(handle)
        self.lessons.forget(handle)
        for count in (self.rows_run, self._under_way):
            count.pop(handle, None)

    def refusal(self, model: ServedModel, asked: Asked, made_for: Size = NOTHING) -> ResourceExhausted | None:
        """Why a request may not wait here, if it may not; `made_for` is what waits for its programs, elsewhere."""
        flow = self._queues.flow(model.order.handle)
        waits = Size(flow.rows, flow.bytes) + Size(*self._queues.behind(model.order.handle)) + made_for
        if not waits.rows:
            return None
        line = Line(
            rows=waits.rows,
            bytes=waits.bytes,
            rows_ahead=0 if asked.left_s is None else flow.rows_ahead(asked.priority),
            limit=model.dispatch_rows,
            row_s=self.lessons.row_s(model),
        )
        return refusal(model.order.name, asked, line, model.order.queue)

    def takes_now(self, model: ServedModel, rows: int, most_rows: int) -> bool:
        """Whether so many rows that come now would run at once, in one batch of at most so many."""
        flow = self._queues.flow(model.order.handle)
        is_free = not self._under_way.total() and not flow.max_delay_s
        return is_free and self._queues.rows + rows <= most_rows

    def is_first(self, work: Work) -> bool:
        """Whether a work may be queued now; a step of a sequence waits for its turn, and `proceed` is told."""
        if work.turn is None or work.step is None:
            return True
        self._sequences.entered(work.turn, work.step)
        return self._queues.line_up(work)

    def queue(self, model: ServedModel, work: Work, program: Program) -> None:
        """Let a work wait for its batch.

        One with a seed waits in a lane of its own, which holds it whole.
        """
        shapes = model.batch_shapes(work.inputs, work.wanted.outputs)
        self._queues.add(
            work.handle,
            work,
            shapes=kin(work, shapes),
            outputs=work.wanted.outputs,
            cost=self.lessons.cost(model, work.wanted.outputs),
            limit=limit(model, work, program, shapes),
            program=program if work.seed is None else cast(TrainingProgram, program).seeded(work.seed),
        )

    def drop(self, work: Work) -> None:
        """Nobody is there to be answered: what waits of a work never runs, and a step has not happened."""
        self.end(work, Unavailable("the gateway is gone"))

    def end(self, work: Work, error: HorngateError) -> None:
        """Answer with an error: at once, or when the rows that run have done so. What waits never runs.

        The steps of a sequence that wait for this one end with it: without it they would go on from other states.
        """
        self._queues.remove(work.handle, work)
        work.rows = 0
        if work.error is None:
            work.error = error
            self._fail_steps(work)
        if work.is_done:
            if work.owner.open and work.request in work.owner.works:
                self.refuse(work, work.error)
            self._step_over(work)

    def _fail_steps(self, work: Work) -> None:
        if work.turn is None or work.step is None:
            return
        self._sequences.fails(work.turn, work.step)
        for other in self._queues.steps_behind(work):
            text = f"{work.step.text}: the step before this one failed, so this one was not computed: {work.error}"
            self.end(other, SequenceLost(text))

    def _step_over(self, work: Work) -> None:
        # It may have ended with the step before it just now.
        if work.turn is None or work.step is None or not self._queues.is_lined_up(work):
            return
        follows = self._queues.step_done(work, time.monotonic())
        self._sequences.answered(work.turn, work.step, failed=work.error is not None)
        if follows is not None:
            self.proceed(follows)

    def dispatch(self) -> None:
        """Start batches: at once on an idle device; ahead of time only what waiting could not make larger."""
        for work in self._queues.expired(time.monotonic()):
            self._end_late(work)
        self._wake_s = math.inf
        while (ahead := self._under_way.total()) < self._most_ahead and not self._alone_under_way:
            if ahead and not self._queues.any_full:
                return
            decision = self._queues.plan(time.monotonic())
            for work in decision.expired:
                self._end_late(work)
            if decision.batch and not (ahead and (not decision.full or decision.batch[0][0].alone)):
                self._start(decision)
            elif not decision.expired:
                self._wake_s = decision.wait_until_s
                return

    def _start(self, decision: Decision[Work]) -> None:
        now_s = time.monotonic()
        first = decision.batch[0][0]
        shares = taken(decision.batch, now_s)
        ride = self._queues.begin(first.handle, decision)
        if first.alone:
            self._announce(first)
        batch = formed(self._models[first.handle], shares, ride, now_s, self._sequences)
        is_only = not self._queues and not self._under_way.total()
        self._run(batch, here=is_only and is_brief(ride, first))

    def run_now(self, model: ServedModel, work: Work, program: Program) -> bool:
        """Run a work past the queues, if it is brief and nobody waits; where it `takes_now`, nothing runs."""
        ride = ride_of(work, program, self.lessons.cost(model, work.wanted.outputs))
        if self._queues or not is_brief(ride, work):
            return False
        self._queues.pass_by(work.handle, ride)
        now_s = time.monotonic()
        shares = taken([(work, work.rows)], now_s)
        work.rows = 0
        batch = formed(model, shares, ride, now_s, self._sequences)
        self._run(batch, here=True, answer_first=self._pace.is_quick())
        return True

    def _run(self, batch: Batch, *, here: bool, answer_first: bool = False) -> None:
        """Run a batch, on this thread if that need not wait."""
        self._under_way[batch.handle] += 1
        self._running_s += batch.charged_s
        self._most_ahead = ENQUEUED_AHEAD if enqueues(batch.program) else BATCHES_AHEAD
        # Where batches are enqueued, the runner's thread has the time to merge; states are this thread's.
        if batch.states or not enqueues(batch.program):
            begin_s = time.perf_counter()
            with suppress(MemoryError):  # The runner finds that they are not merged, and halves.
                batch.merged()
            batch.input_s = time.perf_counter() - begin_s
        done = self._runner.run_here(batch) if here else None
        if done is None:
            self._runner.run(batch)
        else:
            self._finished(done, answer_first=answer_first)

    def _end_late(self, work: Work) -> None:
        waited_s = time.monotonic() - work.arrived_s
        self.end(work, DeadlineExceeded(f"the deadline passed after {waited_s:.3f} s in the queue"))

    def _announce(self, work: Work) -> None:
        # Sent before it starts: should it end this process, the gateway knows what it was. Answers go first.
        self._alone_under_way = True
        self.flush()
        work.owner.channel.send(["running", [work.request]])
        self.flush()

    def _finished(self, batches: list[Batch], *, answer_first: bool = False) -> None:
        """Deal out what became of a batch, in parts if it was run so; then, or first, have it counted."""
        self._under_way[batches[0].handle] -= 1
        self.batches_run += 1
        self._alone_under_way = self._alone_under_way and not batches[0].is_alone
        for batch in batches:
            model = self._models[batch.handle]
            self._running_s -= batch.charged_s
            self.rows_run[batch.handle] += batch.rows
            self._queues.settle(batch.handle, batch.charged_s, batch.compute_s)
            if batch.fault is not None:
                self._dealing.fail(batch, model, batch.fault)
                continue
            output_s = self._dealing.deal(batch)
            if answer_first:
                self.flush()
            self._dealing.count(batch, model, output_s)
