"""The weights that an HDF5 file stores, counted by the layer they belong to. None of them is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

_CONTAINERS = {"layers", "_layer_checkpoint_dependencies", "vars", "model_weights"}
_NOT_WEIGHTS = {"optimizer", "optimizer_weights"}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Every stored weight: where it lies, outermost name first, and how many numbers it has."""

    places: tuple[tuple[tuple[str, ...], int], ...]

    @property
    def total(self) -> int:
        """All numbers together."""
        return sum(count for _, count in self.places)

    @property
    def by_group(self) -> dict[str, int]:
        """Counts by outermost name, for files that have no architecture."""
        counts: Counter[str] = Counter()
        for names, count in self.places:
            counts[names[0] if names else "(top level)"] += count
        return dict(counts)

    def by_layer(self, layers: set[str]) -> dict[str, int]:
        """Counts by layer path: each weight counts for the innermost layer and the models around it."""
        counts: Counter[str] = Counter()
        for names, count in self.places:
            for path in _paths(names, layers):
                counts[path] += count
        return dict(counts)


def stored_weights(group: Any) -> Stored:
    """The weights below an HDF5 group, the optimizer's left out. Links out of the file are not followed."""
    return Stored(places=tuple(_places(group, ())))


def _places(group: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    import h5py

    for key in group:
        if key in _NOT_WEIGHTS or not isinstance(group.get(key, getlink=True), h5py.HardLink):
            continue
        item = group[key]
        if isinstance(item, h5py.Dataset):
            yield names, prod(item.shape or ())
        elif key in _CONTAINERS:
            yield from _places(item, names)
        else:
            yield from _places(item, (*names, _owner(item, key)))


def _owner(group: Any, key: str) -> str:
    """Keras 3 notes the layer's name beside its variables."""
    variables = group.get("vars")
    name = variables.attrs.get("name") if variables is not None else None
    return str(name) if name else str(key).removeprefix("_layer_checkpoint_dependencies\\")


def _paths(names: tuple[str, ...], layers: set[str]) -> Iterator[str]:
    """The layer paths along the names; names between that are no layers (cells, scopes) are passed over."""
    path = ""
    for name in names:
        candidate = f"{path}/{name}" if path else name
        if candidate in layers and candidate != path:
            path = candidate
            yield path
