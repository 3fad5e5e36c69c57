"""What batches did, told: in Triton's statistics, and as spans and in the log where that is wanted."""

import time
from typing import Any

from horngate.server.logs import logger, verbosity
from horngate.server.tallies import Tallies
from horngate.server.worker.models import ServedModel
from horngate.server.worker.spans import BatchSpans
from horngate.server.worker.work import Batch


class Account:
    """Told of every batch, or part of one, that was run. The main thread owns it."""

    def __init__(self, tallies: Tallies, spans: BatchSpans | None = None) -> None:
        self._tallies = tallies
        self._spans = spans

    def ran(self, batch: Batch, model: ServedModel, output_s: float) -> None:
        """A batch ran without a fault, and dealing its outputs out took `output_s`.

        As in Triton, each request counts for all of the time that its batch took.
        """
        name, version = model.labels
        requests, add = batch.requests, self._tallies.add
        add(name, version, f"batch {batch.rows} executions", 1, batch.compute_s)
        add(name, version, f"batch {batch.rows} tensors", batch.input_s, output_s)
        add(name, version, "compute", requests * batch.compute_s, 0.0)
        add(name, version, "tensors", requests * batch.input_s, requests * output_s)
        self._tell(batch, model)

    def failed(self, batch: Batch, model: ServedModel) -> None:
        """A batch had a fault."""
        self._tell(batch, model)

    def _tell(self, batch: Batch, model: ServedModel) -> None:
        if self._spans is not None:
            self._spans.ran(batch, model, time.monotonic())
        if verbosity() > 1:
            self._log(batch, model)

    def _log(self, batch: Batch, model: ServedModel) -> None:
        name, version = model.labels
        told: dict[str, Any] = {} if batch.fault is None else {"fault": str(batch.fault)}
        told |= {
            "rows": batch.rows,
            "requests": batch.requests,
            "took_ms": round(batch.compute_s * 1e3, 3),
        }
        logger().debug("batch", model=name, version=version, **told)
