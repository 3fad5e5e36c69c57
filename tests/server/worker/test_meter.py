"""What the gauges of a worker read."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from horngate.server.worker import meter as module
from horngate.server.worker.meter import Meter
from tests.server.worker.figures import Figures


def test_a_model_that_is_unloaded_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    names = ("queued_rows", "queue_age", "rows_rate", "device_rows", "device_used")
    metrics = SimpleNamespace(**{name: Figures() for name in names})
    batcher = SimpleNamespace(
        rows=3, rows_run=Counter({"m/1@1": 30, "m/2@2": 20}), oldest_s=lambda handle: 98.0
    )
    models = {f"m/{one}@{one}": SimpleNamespace(labels=("m", one)) for one in ("1", "2")}
    meter = Meter(cast(Any, metrics), cast(Any, batcher), cast(Any, models), "cpu")
    meter.measure()
    assert metrics.queue_age.values == {("m", "1", "cpu"): 2.0, ("m", "2", "cpu"): 2.0}
    assert metrics.rows_rate.values["m", "1", "cpu"] > 0
    del models["m/1@1"]
    now_s[0] += 0.1
    meter.measure()
    for figures in (metrics.queue_age, metrics.rows_rate):
        assert figures.values["m", "1", "cpu"] == 0
        assert figures.values["m", "2", "cpu"] > 0
