"""What became of inference requests, told to the metrics, and to the log where that is wanted."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from horngate.contract.errors import HorngateError, ResourceExhausted
from horngate.oip.status import code_of
from horngate.server.gateway.infer import Answer, Call
from horngate.server.logs import logger, verbosity
from horngate.server.metrics import GatewayMetrics, observe
from horngate.server.pace import Pace
from horngate.server.series import Version, forget_series


class _Children(NamedTuple):
    """The metrics of one model: looking a labelled child up costs as much as counting in it."""

    requests: Any
    rows: Any
    duration: Any
    last: Any


class Counts:
    """The gateway's event loop owns it. `metrics` are all that its process has; `pace` tells of lone answers."""

    def __init__(self, metrics: GatewayMetrics, pace: Pace | None = None) -> None:
        self._metrics = metrics
        self._children: dict[Version, _Children] = {}
        self._pace = pace or Pace()

    @contextmanager
    def counting(self, answers: Sequence[Answer]) -> Iterator[None]:
        """Count requests that get their answers within: before, or after where a lone caller hurries."""
        is_quick = len(answers) == 1 and self._pace.is_quick()
        if not is_quick:
            self._answered(answers)
        yield
        if is_quick:
            self._answered(answers)

    def _answered(self, answers: Sequence[Answer]) -> None:
        """What can be summed over them is counted once."""
        now_s = time.monotonic()
        rows_of: dict[Version, list[int]] = {}
        took_s_of: dict[Version, list[float]] = {}
        for call, result in answers:
            labels, took_s = (call.entry.name, call.entry.version), now_s - call.arrived_s
            if isinstance(result, HorngateError):
                self.failed(labels, result, took_s)
            else:
                rows_of.setdefault(labels, []).append(call.rows)
                took_s_of.setdefault(labels, []).append(took_s)
            if verbosity():
                _log(call, result, took_s)
        for labels, rows in rows_of.items():
            children = self._of(labels)
            observe(children.duration, took_s_of[labels])
            children.requests.inc(len(rows))
            children.rows.inc(sum(rows))
            children.last.set(time.time())

    def failed(self, labels: Version, error: HorngateError, took_s: float) -> None:
        """A request has an error for an answer."""
        self._metrics.requests.labels(*labels, code_of(error).name).inc()
        if isinstance(error, ResourceExhausted) and error.reason:
            self._metrics.refused.labels(*labels, error.reason).inc()
        self._metrics.failed_seconds.labels(*labels).inc(took_s)

    def cancelled(self, labels: Version) -> None:
        """The caller of a request is gone."""
        self._metrics.requests.labels(*labels, "CANCELLED").inc()

    def forget(self, versions: list[Version]) -> None:
        """Let go of what was counted of versions that are gone."""
        for labels in versions:
            self._children.pop(labels, None)
        forget_series([self._metrics], versions)

    def _of(self, labels: Version) -> _Children:
        return self._children.get(labels) or self._label(labels)

    def _label(self, labels: Version) -> _Children:
        metrics = self._metrics
        children = self._children[labels] = _Children(
            metrics.requests.labels(*labels, "OK"),
            metrics.rows.labels(*labels),
            metrics.duration.labels(*labels),
            metrics.last.labels(*labels),
        )
        return children


def _log(call: Call, result: bytes | HorngateError, took_s: float) -> None:
    told = {"code": code_of(result).name, "error": str(result)} if isinstance(result, HorngateError) else {}
    where = {"model": call.entry.name, "version": call.entry.version, "id": call.id}
    logger().debug("answered", **where, rows=call.rows, took_ms=round(took_s * 1e3, 3), **told)
