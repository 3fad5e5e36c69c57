"""What all processes of a server have counted, read together: for Prometheus, and for ModelStatistics."""

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from horngate.server.past import READING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

TRIES = 5
PAUSE_S = 0.005


class _EveryProcess:
    """Collects what all processes have written. A file that is just being made or grown is read again."""

    def collect(self) -> "list[Metric]":
        from prometheus_client.multiprocess import MultiProcessCollector

        for _ in range(TRIES - 1):
            try:
                with READING:
                    return list(MultiProcessCollector(None).collect())  # type: ignore[no-untyped-call]
            except Exception:
                time.sleep(PAUSE_S)
        with READING:
            return list(MultiProcessCollector(None).collect())  # type: ignore[no-untyped-call]


def registry() -> "CollectorRegistry":
    """A registry that sums every process's figures at each collection."""
    from prometheus_client import CollectorRegistry

    collected = CollectorRegistry()
    collected.register(_EveryProcess())
    return collected


def collect_totals() -> dict[tuple[str, str], dict[str, float]]:
    """Sums by (model, version): `horngate_rows_total`, `horngate_queue_duration_seconds_sum`, …

    A name with a `code` label appears once a code as `name{CODE}`; the memory that a model holds, once a device.
    """
    totals: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in registry().collect():
        for sample in family.samples:
            _add(totals, sample)
    return totals


def _add(totals: dict[tuple[str, str], dict[str, float]], sample: Any) -> None:
    if "model" not in sample.labels or sample.name.endswith("_bucket"):
        return
    label = sample.labels.get("code")
    if sample.name == "horngate_model_memory_bytes":
        label = sample.labels["device"]
    name = f"{sample.name}{{{label}}}" if label else sample.name
    totals[sample.labels["model"], sample.labels["version"]][name] += sample.value
