"""How a run stands."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from horngate.training.runs.folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Status:
    """One run's state: running, stopped (it was asked to), interrupted (its process is gone without a word), failed
    or finished. Epochs count from 1; `best` is the best value of `monitor` and its epoch."""

    state: str
    epoch: int = 0
    epochs: int = 0
    started: str = ""
    monitor: str = ""
    best: float | None = None
    best_epoch: int = 0
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    def write(self, folder: RunFolder) -> None:
        """Write it into the run's folder."""
        folder.write("status", asdict(self))


def standing(folder: RunFolder) -> Status | None:
    """The run's status, as its process wrote it or, if that is gone, as it must be; None if this is no run."""
    found: dict[str, Any] | None = folder.read("status")
    if found is None:
        return None
    if found["state"] == "running" and not folder.is_held:
        found = found | {"state": "interrupted"}
    return Status(**found)
