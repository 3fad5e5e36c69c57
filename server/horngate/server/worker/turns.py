"""The steps of sequences: in the order in which they came, one of a sequence at a time.

Only the first step of a sequence goes further, into a lane; the others wait here until it has been answered.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Turning(Protocol):
    """What waits for its turn. Items with the same `turn` follow one another; None waits for nobody."""

    handle: str
    rows: int
    bytes: int

    @property
    def turn(self) -> Hashable | None: ...


T = TypeVar("T", bound=Turning)


class Turns(Generic[T]):
    """A line for each sequence, in order of arrival. One thread owns it."""

    def __init__(self) -> None:
        # Invariant: no line is empty; `rows` and `bytes` count, by model, what is not first in its line, as it was
        # when it came.
        self._lines: dict[Hashable, OrderedDict[T, tuple[int, int]]] = {}
        self.rows: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def enter(self, item: T) -> bool:
        """Join the end of the line; whether it is the item's turn at once."""
        line = self._lines.setdefault(item.turn, OrderedDict())
        line[item] = item.rows, item.bytes
        if len(line) == 1:
            return True
        self._count(item.handle, *line[item])
        return False

    def leave(self, item: T) -> T | None:
        """Leave the line, from wherever in it; the one whose turn it is now, if that changed."""
        line = self._lines[item.turn]
        was_first = next(iter(line)) is item
        rows, size = line.pop(item)
        if not was_first:
            self._count(item.handle, -rows, -size)
            return None
        if not line:
            del self._lines[item.turn]
            return None
        first = next(iter(line))
        rows, size = line[first]
        self._count(first.handle, -rows, -size)
        return first

    def behind(self, item: T) -> list[T]:
        """Those that came after an item that is in its line, the last first."""
        found = []
        for other in reversed(self._lines[item.turn]):
            if other is item:
                break
            found.append(other)
        return found

    def forget(self, handle: str) -> None:
        """Drop the count of a model that is unloaded."""
        self.rows.pop(handle, None)
        self.bytes.pop(handle, None)

    def __contains__(self, item: T) -> bool:
        return item in self._lines.get(item.turn, ())

    def _count(self, handle: str, rows: int, size: int) -> None:
        self.rows[handle] += rows
        self.bytes[handle] += size
