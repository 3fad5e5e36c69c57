"""A live bar with the figures."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_EVERY_S = 0.25


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows the epoch under way as a bar with the metrics so far; each epoch that is over leaves a line.

    Where the output is no terminal, only the lines are written. It looks at the metrics a few times a second, not
    at each step, and so costs steps nothing.
    """

    only_shows = True
    """A run can be gone on with without it."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._bar: Bar | None = None
        self._shown_s = 0.0
        self._began_s, self._epoch = 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._began_s, self._epoch = self._clock(), epoch
        if self._console.is_terminal:
            self._begin(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        now = self._clock()
        if now - self._shown_s < _EVERY_S or not self._console.is_terminal:
            return
        self._shown_s = now
        bar = self._bar or self._begin(self._epoch)  # a run that went on in the middle of an epoch has none
        figures = {name: float(value) for name, value in self.model.get_metrics_result().items()}
        bar.update(bar.task_ids[0], completed=batch, figures=_text(figures))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Called by Keras."""
        self._end()
        took = self._clock() - self._began_s if self._began_s else 0.0
        self._console.print(
            f"epoch {epoch + 1:>3} of {self.params['epochs']}  {_text(logs or {})}  {took:.1f} s",
            highlight=False,
            soft_wrap=True,
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Called by Keras."""
        self._end()

    def _begin(self, epoch: int) -> Bar:
        columns = (
            TextColumn("epoch {task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"), TimeRemainingColumn(),
        )  # fmt: skip
        bar = Bar(*columns, console=self._console, transient=True)
        bar.add_task(str(epoch + 1), total=self.params["steps"], figures="")
        bar.start()
        self._bar = bar
        return bar

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _text(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
