"""The weights that an HDF5 file stores, counted by the layer they belong to. None of them is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

_CONTAINERS = {"layers", "_layer_checkpoint_dependencies", "vars", "model_weights"}
_NOT_WEIGHTS = {"optimizer", "optimizer_weights"}
_DEEPEST = 40
"""Groups deeper than this are not looked into."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Every stored weight: where it lies, outermost name first, and how many numbers it has; their bytes."""

    places: tuple[tuple[tuple[str, ...], int], ...]
    bytes: int = 0

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
    found = tuple(_places(group, (), 0))
    return Stored(
        places=tuple((names, count) for names, count, _ in found), bytes=sum(size for _, _, size in found)
    )


def hard_linked(group: Any, name: str) -> Any:
    """What lies in the file itself under that name, or None."""
    import h5py

    return group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None


def _places(group: Any, names: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """A loop of links ends at the depth; what lies in other files counts for nothing."""
    import h5py

    for key in group:
        item = hard_linked(group, key) if key not in _NOT_WEIGHTS and depth < _DEEPEST else None
        if isinstance(item, h5py.Dataset):
            if not item.is_virtual:
                count = prod(item.shape or ())
                yield names, count, count * item.dtype.itemsize
        elif isinstance(item, h5py.Group):
            inner = names if key in _CONTAINERS else (*names, _owner(item, key))
            yield from _places(item, inner, depth + 1)


def _owner(group: Any, key: str) -> str:
    """Keras 3 notes the layer's name beside its variables."""
    variables = hard_linked(group, "vars")
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
