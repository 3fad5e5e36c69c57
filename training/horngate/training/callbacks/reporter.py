"""How a run stands, told to its folder and its caller."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from horngate.training.best import rises
from horngate.training.callbacks.events import EpochEnd
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.folder import RunFolder
from horngate.training.runs.status import Status


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the status at each epoch's end and when the run is over. Every run's last callback is one."""

    def __init__(
        self, recipe: Recipe, folder: RunFolder, on_epoch: Callable[[EpochEnd], None], started: str
    ) -> None:
        super().__init__()
        self._recipe, self._folder, self._on_epoch = recipe, folder, on_epoch
        self._started = (folder.read("status") or {}).get("started") or started
        # The last that was reported; part of the state that a run goes on from.
        self._epoch = 0
        self._metrics: dict[str, float] = {}
        self._best: float | None = None
        self._best_epoch = 0
        self._write("running")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        self._epoch, self._metrics = epoch + 1, dict(logs or {})
        self._see_best()
        self._write("running")
        self._on_epoch(EpochEnd(epoch=epoch + 1, epochs=self._recipe.epochs, metrics=self._metrics))

    def finished(self) -> None:
        """All is written."""
        self._write("finished")

    def ended(self, state: str, message: str = "") -> None:
        """The run is over, and how."""
        self._write(state, message)

    def _see_best(self) -> None:
        value = self._metrics.get(self._monitor)
        if value is None:
            return
        better = self._best is None or (
            value > self._best if rises(self.model, self._monitor) else value < self._best
        )
        if better:
            self._best, self._best_epoch = value, self._epoch

    @property
    def _monitor(self) -> str:
        monitor = self._recipe.fit.monitor
        return monitor if monitor in self._metrics or not self._metrics else "loss"

    def _write(self, state: str, message: str = "") -> None:
        Status(
            state=state,
            epoch=self._epoch,
            epochs=self._recipe.epochs,
            started=self._started,
            monitor=self._monitor,
            best=self._best,
            best_epoch=self._best_epoch,
            message=message,
            metrics=self._metrics,
        ).write(self._folder)

    def get_state(self) -> dict[str, Any]:
        """What was reported last."""
        return {
            "epoch": self._epoch,
            "metrics": dict(self._metrics),
            "best": self._best,
            "best_epoch": self._best_epoch,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Report on from there."""
        self._epoch, self._metrics = state["epoch"], dict(state["metrics"])
        self._best, self._best_epoch = state["best"], state["best_epoch"]
