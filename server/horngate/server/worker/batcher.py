"""What the scheduler decided, performed: batches started, their outputs dealt out, requests ended."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from horngate.contract.errors import DeadlineExceeded, HorngateError, InternalError, InvalidRequest
from horngate.server.frames.channel import ChannelClosed
from horngate.server.metrics import WorkerMetrics
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.models import ServedModel
from horngate.server.worker.queues import Queues
from horngate.server.worker.runner import Runner
from horngate.server.worker.work import Batch, Share, Work, merge

BATCHES_AHEAD = 2


class Batcher:
    """The queues, and the batches under way. The main thread owns it; the runner's thread runs the batches.

    `deliver` has something called on the main thread; `models` are those that the worker holds.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        deliver: Callable[[Callable[[], None]], None],
        metrics: WorkerMetrics,
    ) -> None:
        self.batches_run = 0
        self._models = models
        self._metrics = metrics
        # Invariant: a Work with rows that have no batch is in _queues; _under_way counts batches by model.
        self._queues = Queues()
        self._under_way: Counter[str] = Counter()
        self._alone_under_way = False
        self._runner = Runner(lambda batches: deliver(lambda: self._finished(batches)))

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

    def queue(self, model: ServedModel, work: Work, program: Program) -> None:
        """Let a work wait for its batch."""
        shapes = tuple(array.shape[1:] for array in work.inputs) if model.free_axes else ()
        self._queues.add((work.handle, work.outputs, shapes), work, program, model.limit(shapes))

    def drop(self, work: Work) -> None:
        """Nobody is there to be answered: what waits of a work never runs."""
        self._queues.remove(work)

    def end(self, work: Work, error: HorngateError) -> None:
        """Answer with an error: at once, or when the rows that run have done so. What waits never runs."""
        self._queues.remove(work)
        work.rows = 0
        work.error = work.error or error
        if work.is_done and work.owner.open and work.request in work.owner.works:
            work.owner.refuse(work.request, work.error)

    def dispatch(self) -> None:
        """Start batches: at once on an idle device; ahead of time only what waiting could not make larger."""
        while (ahead := self._under_way.total()) < BATCHES_AHEAD and not self._alone_under_way:
            if ahead and not self._queues.any_full:
                return
            decision = self._queues.plan(time.monotonic())
            for work in decision.expired:
                waited_s = time.monotonic() - work.arrived_s
                self.end(work, DeadlineExceeded(f"the deadline passed after {waited_s:.3f} s in the queue"))
            if not decision.batch or (ahead and (not decision.full or decision.batch[0][0].alone)):
                return
            self._start(decision.batch)

    def _start(self, taken: tuple[tuple[Work, int], ...]) -> None:
        now_s = time.monotonic()
        first = taken[0][0]
        program = self._queues.program(first)
        shares = []
        for work, rows in taken:
            start = work.total_rows - work.rows
            shares.append(Share(work=work, start=start, stop=start + rows))
            work.running_rows += rows
            work.dispatched_s = work.dispatched_s or now_s
            self._queues.take(work, rows)
        if first.alone:
            self._announce(first)
        inputs = merge(self._models[first.handle].input_names, shares)
        self._under_way[first.handle] += 1
        self._runner.run(Batch(handle=first.handle, program=program, shares=shares, inputs=inputs))

    def _announce(self, work: Work) -> None:
        # Sent before the batch starts: should it end this process, the gateway knows what it was.
        self._alone_under_way = True
        work.owner.channel.send(["running", [work.request]])
        with suppress(ChannelClosed):
            work.owner.channel.flush()

    def _finished(self, batches: list[Batch]) -> None:
        self._under_way[batches[0].handle] -= 1
        self.batches_run += 1
        self._alone_under_way = self._alone_under_way and not batches[0].is_alone
        for batch in batches:
            model = self._models[batch.handle]
            self._metrics.batch_rows.labels(*model.labels).observe(batch.rows)
            self._metrics.compute.labels(*model.labels).observe(batch.compute_s)
            if batch.fault is None:
                for share, outputs in zip(batch.shares, batch.split(), strict=True):
                    self._add_part(share, outputs, batch, model)
            else:
                for share in batch.shares:
                    share.work.running_rows -= share.rows
                    self.end(share.work, _explained(batch.fault, model))

    def _add_part(self, share: Share, outputs: list[Array], batch: Batch, model: ServedModel) -> None:
        work = share.work
        work.running_rows -= share.rows
        work.parts.append(outputs)
        work.compute_s += batch.compute_s
        work.batch_rows = max(work.batch_rows, batch.rows)
        if work.error is not None:
            self.end(work, work.error)
        elif work.is_done:
            self._metrics.queue.labels(*model.labels).observe(work.dispatched_s - work.arrived_s)
            work.owner.reply(work, work.results())


def _explained(fault: Exception, model: ServedModel) -> HorngateError:
    text = f"model '{model.order.name}': {model.calibration.choice.engine} could not run it: {fault}"
    # ONNX Runtime's and TensorFlow's word for values that an operator refuses, such as an index out of range.
    if isinstance(fault, HorngateError) or type(fault).__name__ in (
        "InvalidArgument",
        "InvalidArgumentError",
    ):
        return InvalidRequest(text)
    return InternalError(text)
