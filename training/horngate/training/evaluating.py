"""Rows measured, as `model.evaluate` does."""

from collections.abc import Mapping
from typing import Any

from horngate.training.data.feeding import Feeding, Rows
from horngate.training.devices import Steps


class Evaluation:
    """Some rows, in their own order, measured again and again by one model after another phase or epoch."""

    def __init__(self, rows: Rows, feeding: Feeding, devices: Steps) -> None:
        self._counts = [feeding.rows_in(step, rows) for step in range(rows.steps(feeding))]
        self._batches = rows.batches(feeding, range(1))
        self._devices = devices

    def measure(self, model: Any, callbacks: Any = None) -> dict[str, float]:
        """Loss and metrics. The model's metrics are reset before."""
        model.make_test_function()
        model.reset_metrics()
        batches = self._devices.iterator(self._batches)
        if callbacks is not None:
            callbacks.on_test_begin()
        logs: Mapping[str, Any] = {}
        for step, rows in enumerate(self._counts):
            if callbacks is not None:
                callbacks.on_test_batch_begin(step)
            logs = self._devices.test(model, batches, rows)
            if callbacks is not None:
                callbacks.on_test_batch_end(step, logs)
        self._devices.settle(model)
        found = result(model, logs)
        if callbacks is not None:
            callbacks.on_test_end(found)
        return found


def result(model: Any, logs: Mapping[str, Any]) -> dict[str, float]:
    """What was measured: the model's metrics or, where its own step returns others, those."""
    measured = model.get_metrics_result()
    return plain(measured if not logs or set(measured) == set(logs) else logs)


def plain(logs: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of Python's own, from tensors; nested results by their own names."""
    found: dict[str, float] = {}
    for name, value in logs.items():
        if isinstance(value, Mapping):
            found |= plain(value)
        else:
            found[name] = float(value)
    return found
