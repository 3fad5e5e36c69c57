"""Runs beside one another, and one of them drawn in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from horngate.training.runs.curves import drawn, pairs_of
from horngate.training.runs.folder import RunFolder
from horngate.training.runs.status import Status, standing


def runs_in(folder: Path) -> list[tuple[RunFolder, Status]]:
    """The runs whose folders are in `folder`, or `folder` itself if it is a run; the last begun first."""
    found = [RunFolder(child) for child in (folder, *folder.iterdir()) if child.is_dir()]
    standings = [(run, standing(run)) for run in found]
    runs = [(run, status) for run, status in standings if status is not None]
    return sorted(runs, key=lambda run: run[1].started, reverse=True)


def table(runs: Sequence[tuple[RunFolder, Status]]) -> Table:
    """A line a run: name, state, epoch, best metric."""
    made = Table("run", "state", "epoch", "best", "in epoch", "begun", box=None)
    for run, status in runs:
        best = f"{status.monitor} {status.best:.4g}" if status.best is not None else ""
        made.add_row(
            run.path.name, status.state, f"{status.epoch}/{status.epochs}", best,
            str(status.best_epoch or ""), status.started,
        )  # fmt: skip
    return made


def show(run: RunFolder, status: Status, console: Console) -> None:
    """The run's state, and each metric as a curve beside its validation's."""
    console.print(
        f"{run.path.name}: {status.state}, epoch {status.epoch} of {status.epochs}", highlight=False
    )
    if status.message:
        console.print(status.message, highlight=False, markup=False)
    for metric, lines in pairs_of(history_of(run)).items():
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in lines.items())
        console.print(f"\n{metric}  ({last})", highlight=False)
        for line in drawn(lines, width=max(20, min(72, console.width - 14))):
            console.print(line, highlight=False, markup=False)


def history_of(run: RunFolder) -> dict[str, list[float]]:
    """The metrics of every epoch so far, of a run that goes on, too."""
    import json

    try:
        lines = (run.path / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return {}
    history: dict[str, list[float]] = {}
    for line in lines:
        for name, value in json.loads(line).items():
            if name != "epoch":
                history.setdefault(name, []).append(value)
    return history
