"""What batches that have run teach: what rows cost, how many fit, how many were computed for nothing."""

from collections import OrderedDict
from typing import Any, NamedTuple

from horngate.server.costs import Cost, Curve
from horngate.server.metrics import WorkerMetrics, observe
from horngate.server.worker.models import ServedModel
from horngate.server.worker.work import Batch

MOST_COSTS = 4096
"""Of so many sets of outputs it is known what they cost; the least recently asked for are learned anew."""


class Told(NamedTuple):
    """What is told of a model: its batches' rows and time, and its requests' waits."""

    rows: Any
    compute: Any
    queue: Any


class Lessons:
    """Costs by model and outputs, and what is told of batches. The main thread owns it."""

    def __init__(self, metrics: WorkerMetrics, device: str) -> None:
        self._metrics = metrics
        self._device = device
        # Invariant: the least recently used comes first.
        self._costs: OrderedDict[tuple[str, tuple[str, ...]], Cost] = OrderedDict()
        # Invariant: holds what `row_s` found since a batch of the model last ran.
        self._row_s: dict[str, float] = {}
        self._told: dict[str, Told] = {}

    def cost(self, model: ServedModel, outputs: tuple[str, ...]) -> Cost:
        """What batches for these outputs cost."""
        key = (model.order.handle, outputs)
        cost = self._costs.get(key)
        if cost is None:
            cost = self._costs[key] = Cost(Curve(model.calibration.curve), least=model.least_rows)
            if len(self._costs) > MOST_COSTS:
                self._costs.popitem(last=False)
        else:
            self._costs.move_to_end(key)
        return cost

    def row_s(self, model: ServedModel) -> float:
        """What a row of a model is expected to take in batches of the size that runs fastest."""
        handle = model.order.handle
        found = self._row_s.get(handle)
        if found is None:
            found = self._row_s[handle] = self.cost(model, model.outputs).row_s(model.dispatch_rows)
        return found

    def told(self, model: ServedModel) -> Told:
        """Where a model's batches are told: to look that up costs as much as to tell."""
        found = self._told.get(model.order.handle)
        if found is None:
            metrics, labels = self._metrics, model.labels
            found = self._told[model.order.handle] = Told(
                metrics.batch_rows.labels(*labels),
                metrics.compute.labels(*labels),
                metrics.queue.labels(*labels),
            )
        return found

    def take(self, batch: Batch, model: ServedModel) -> None:
        """Learn from a batch, or a part of one, that has run."""
        told = self.told(model)
        told.rows.observe(batch.rows)
        told.compute.observe(batch.compute_s)
        self._learn_memory(batch, model)
        if batch.fault is None:
            self._count_padding(batch, model)
            self.cost(model, batch.names).learn(batch.rows, batch.compute_s)
            self._row_s.pop(batch.handle, None)

    def answered(self, batch: Batch, model: ServedModel) -> None:
        """Tell how long those had waited that have their answer with this batch."""
        waits = self.told(model).queue
        for work in (share.work for share in batch.shares):
            if work.is_done and work.error is None:
                observe(waits, [work.dispatched_s - work.arrived_s] * work.requests)

    def forget(self, handle: str) -> None:
        """Drop what is known of a model that is unloaded."""
        self._row_s.pop(handle, None)
        self._told.pop(handle, None)
        for key in [key for key in self._costs if key[0] == handle]:
            del self._costs[key]

    def _learn_memory(self, batch: Batch, model: ServedModel) -> None:
        if batch.halved:
            self._metrics.halved.labels(*model.labels, self._device).inc(batch.halved)
        if batch.short_rows:
            self._metrics.out_of_memory.labels(*model.labels, self._device).inc()
            model.caps.ran_out(batch.short_rows)
        elif batch.fault is None:
            model.caps.ran(batch.rows)

    def _count_padding(self, batch: Batch, model: ServedModel) -> None:
        first = batch.shares[0].work
        shapes = model.batch_shapes(first.inputs, first.wanted.outputs)
        rows, steps = batch.program.padded(batch.rows, shapes) - batch.rows, batch.padded_steps
        if rows:
            self._metrics.padding.labels(*model.labels).inc(rows)
        if steps:
            self._metrics.padding_steps.labels(*model.labels).inc(steps)
