"""The weights of the best epoch so far."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import RecipeError

_RISING = ("acc", "auc", "precision", "recall", "f1", "iou", "r2")
"""Parts of the names of metrics that are better when higher, for those that do not say so themselves."""


class Best:
    """Which epoch has the best value of one metric, and a copy of its weights."""

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.value: float | None = None
        self.epoch = -1
        self.weights: Sequence[Any] | None = None

    def observe(self, model: Any, epoch: int, logs: Mapping[str, float]) -> bool:
        """Take the epoch's weights if it is the best so far; whether it is. RecipeError without the metric."""
        if self.monitor not in logs:
            raise RecipeError(
                f'fit.monitor is "{self.monitor}", which is not measured; expected one of {", ".join(logs)}'
            )
        value = float(logs[self.monitor])
        better = self.value is None or (
            value > self.value if rises(model, self.monitor) else value < self.value
        )
        if better:
            self.value, self.epoch = value, epoch
            self.weights = [np.array(one, copy=True) for one in model.get_weights()]
        return better

    def record(self) -> dict[str, Any]:
        """The value and the epoch, in a plain form."""
        return {"monitor": self.monitor, "value": self.value, "epoch": self.epoch}

    def recall(self, record: Mapping[str, Any], weights: Sequence[Any] | None) -> None:
        """Go on from what was recorded."""
        self.value, self.epoch, self.weights = record["value"], record["epoch"], weights


def rises(model: Any, metric: str) -> bool:
    """Whether more of this metric is better."""
    name = metric.removeprefix("val_")
    if name.endswith("loss"):
        return False
    for one in _metrics(model):
        direction = getattr(one, "_direction", None)
        if one.name == name and direction:
            return bool(direction == "up")
    return any(part in name for part in _RISING)


def _metrics(model: Any) -> list[Any]:
    found: list[Any] = []
    for one in model.metrics:
        found += one.metrics if hasattr(one, "metrics") else [one]
    return [one for one in keras.tree.flatten(found) if hasattr(one, "name")]
