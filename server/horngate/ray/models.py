"""Which of the operator's models a replica has: links in a folder that its server watches."""

from pathlib import Path

from horngate.contract.errors import NotFound
from horngate.server.supervisor.repository import WEIGHTS, scan


class Links:
    """Links `there` to what the operator's folder has of a model. One replica's alone; any thread may call it."""

    def __init__(self, models: Path, there: Path) -> None:
        self._models = models
        self._there = there
        there.mkdir(parents=True, exist_ok=True)

    def add(self, model: str) -> None:
        """Have the server find the model. NotFound: the operator's folder has no such one."""
        found = scan(self._models)
        if model not in found.versions.keys() | found.problems.keys():
            raise NotFound(f"there is no model '{model}' in the folder that this cluster serves")
        for entry in self._entries(model):
            link = self._there / entry.name
            if not link.is_symlink():
                link.symlink_to(entry.absolute())

    def drop(self, model: str) -> None:
        """Have it gone."""
        for entry in self._entries(model):
            (self._there / entry.name).unlink(missing_ok=True)

    def _entries(self, model: str) -> list[Path]:
        return [entry for entry in self._models.iterdir() if _name(entry) == model]


def _name(entry: Path) -> str:
    """The model of a folder, or of a file: `model.h5`, `model.json`, `model.weights.h5`."""
    if entry.is_dir():
        return entry.name
    return entry.name.removesuffix(WEIGHTS) if entry.name.endswith(WEIGHTS) else entry.stem
