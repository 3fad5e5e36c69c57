"""Who is to be told when a deadline passes, without looking at those whose time has not come.

Deadlines lie in slots of SLOT_S; a slot is looked at once, when all of it is over. Whoever is answered before
leaves at once and is held no longer. Adding and leaving take the same time however many wait.
"""

import heapq
import math
from typing import Generic, TypeVar

SLOT_S = 0.005
LEFT_OVER = 256
"""How many slots without anybody are put up with, beside as many as there are others."""

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Hashable items by deadline. Not thread-safe: one thread owns it."""

    def __init__(self) -> None:
        # Invariant: every key of _slots, none of which is empty, is in the heap _order, which may hold some more.
        self._slots: dict[int, dict[T, None]] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    @property
    def next_s(self) -> float | None:
        """When `passed` has to be asked next; None while nothing waits."""
        while self._order and self._order[0] not in self._slots:
            heapq.heappop(self._order)
        return self._order[0] * SLOT_S if self._order else None

    def add(self, item: T, deadline_s: float) -> None:
        """Hold an item until its deadline."""
        slot = _slot(deadline_s)
        held = self._slots.get(slot)
        if held is None:
            held = self._slots[slot] = {}
            heapq.heappush(self._order, slot)
        held[item] = None

    def remove(self, item: T, deadline_s: float) -> None:
        """Let go of an item, if it is still held."""
        slot = _slot(deadline_s)
        held = self._slots.get(slot)
        if held is not None and held.pop(item, item) is None and not held:
            del self._slots[slot]
            if len(self._order) > LEFT_OVER + 2 * len(self._slots):
                self._order = sorted(self._slots)

    def passed(self, now_s: float) -> list[T]:
        """Take out every item of the slots that are over; each deadline is at most SLOT_S past."""
        found: list[T] = []
        while (next_s := self.next_s) is not None and next_s <= now_s:
            found.extend(self._slots.pop(heapq.heappop(self._order)))
        return found


def _slot(deadline_s: float) -> int:
    """The slot that ends at the deadline or up to SLOT_S after it."""
    return math.ceil(deadline_s / SLOT_S)
