"""The gauges of a worker, set from its batcher now and then and not with every request."""

import time
from collections.abc import Mapping

from horngate.server.metrics import WorkerMetrics
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.gauges import gauge
from horngate.server.worker.models import ServedModel

TICK_S = 0.05
RATE_S = 1.0


class Meter:
    """What waits and what runs, by model. The main thread owns it."""

    def __init__(
        self, metrics: WorkerMetrics, batcher: Batcher, models: Mapping[str, ServedModel], device: str
    ) -> None:
        self._metrics = metrics
        self._batcher = batcher
        self._models = models
        self._device = device
        # Invariant: is_idle only while every gauge reads 0.
        self.is_idle = True
        self._measured_s = 0.0
        self._rated_s = 0.0
        self._rated_rows: dict[str, int] = {}
        # Invariant: holds the models whose gauges were set and not cleared since, and their labels.
        self._shown: dict[str, tuple[str, ...]] = {}

    def measure(self) -> None:
        """Set the gauges, if TICK_S has passed since the last time."""
        now_s = time.monotonic()
        if now_s - self._measured_s < TICK_S:
            return
        self._measured_s = now_s
        rows = self._batcher.rows
        self.is_idle = self.is_idle and not rows
        self._metrics.queued_rows.labels(self._device).set(rows)
        for handle, model in self._models.items():
            oldest_s = self._batcher.oldest_s(handle)
            age_s = now_s - oldest_s if oldest_s is not None else 0.0
            self._metrics.queue_age.labels(*model.labels, self._device).set(age_s)
            self._shown[handle] = model.labels
        self._clear_gone()
        if now_s - self._rated_s >= RATE_S:
            self.is_idle = not self._rate(now_s) and not rows

    def _clear_gone(self) -> None:
        """Nothing waits or runs of a model that is unloaded."""
        for handle in self._shown.keys() - self._models.keys():
            labels = self._shown.pop(handle)
            self._rated_rows.pop(handle, None)
            if labels not in self._shown.values():
                for figure in (self._metrics.queue_age, self._metrics.rows_rate):
                    figure.labels(*labels, self._device).set(0)

    def _rate(self, now_s: float) -> bool:
        """Set rows a second; whether any ran since the last time."""
        took_s, ran = now_s - self._rated_s, False
        for handle, model in self._models.items():
            done = self._batcher.rows_run[handle]
            new = done - self._rated_rows.get(handle, 0)
            self._metrics.rows_rate.labels(*model.labels, self._device).set(new / took_s)
            self._rated_rows[handle] = done
            self._metrics.device_rows.labels(*model.labels, self._device).inc(new)
            ran = ran or new > 0
        self._metrics.device_used.labels(self._device).set(gauge().used_bytes())
        self._rated_s = now_s
        return ran
