"""What became of traced requests in a worker, as spans: their wait, their computing, and the batch they were in.

`queue` and `compute` are children of a request's own span, one `compute` for each batch that had rows of it. A
batch has a trace of its own, since several requests may be in it: its span links to theirs, their `compute` to it.
"""

from typing import Any

from horngate.server.tracing import Tracing, WallClock, child_of, read_context
from horngate.server.worker.models import ServedModel
from horngate.server.worker.work import Batch, Share


class BatchSpans:
    """The main thread owns it."""

    def __init__(self, endpoint: str, process: str, device: str) -> None:
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        # Gateways decide: what is not sampled does not come here.
        self._tracing = Tracing(endpoint, process, ALWAYS_ON)
        self._clock = WallClock()
        self._device = device

    def ran(self, batch: Batch, model: ServedModel, now_s: float) -> None:
        """Tell of a batch whose answers are dealt out, `now_s`."""
        traced = [
            (share, read_context(trace)) for share in batch.shares if (trace := share.work.trace) is not None
        ]
        if not traced:
            return
        span = self._batch(batch, model, [context for _, context in traced])
        for share, context in traced:
            self._of_request(share, batch, context, span)
        span.end(self._clock.ns(now_s))

    def stop(self) -> None:
        """Send what is left."""
        self._tracing.stop()

    def _batch(self, batch: Batch, model: ServedModel, contexts: list[Any]) -> Any:
        from opentelemetry.context import Context
        from opentelemetry.trace import Link

        name, version = model.labels
        return self._tracing.tracer.start_span(
            "batch",
            context=Context(),
            links=[Link(context) for context in contexts],
            attributes={
                "horngate.model": name,
                "horngate.version": version,
                "horngate.device": self._device,
                "horngate.engine": model.calibration.choice.engine,
                "horngate.rows": batch.rows,
                "horngate.requests": batch.requests,
            },
            start_time=self._clock.ns(batch.formed_s),
        )

    def _of_request(self, share: Share, batch: Batch, context: Any, span: Any) -> None:
        from opentelemetry.trace import Link, Status, StatusCode

        start, parent, clock = self._tracing.tracer.start_span, child_of(context), self._clock
        work = share.work
        if share.start == 0:
            queue = start("queue", context=parent, start_time=clock.ns(work.arrived_s))
            queue.end(clock.ns(work.dispatched_s))
        compute = start(
            "compute",
            context=parent,
            links=[Link(span.get_span_context())],
            attributes={"horngate.rows": share.rows, "horngate.batch_rows": batch.rows},
            start_time=clock.ns(batch.began_s),
        )
        if batch.fault is not None:
            compute.set_status(Status(StatusCode.ERROR, str(batch.fault)))
        compute.end(clock.ns(batch.began_s + batch.compute_s))
