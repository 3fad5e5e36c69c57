"""Where the states of a model's sequences lie between steps: one array a state, a slot a row.

A batch of steps is gathered out of it and what follows is scattered back, each in one operation, however many
sequences ride in the batch. Slots are given out anew, lowest first, so that the arrays are no larger than needed.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from horngate.server.worker.engines import Array
from horngate.zoo.states import State

FIRST_SLOTS = 64
SLOT_BYTES = 2048
"""What the worker keeps of a sequence besides, an upper bound: its id, its place in tables and queues."""

Slots = np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True, kw_only=True)
class BankStatistics:
    """Slots taken, and the bytes of all of them, taken or not."""

    taken: int
    bytes: int


class Bank:
    """The states of one model. The main thread owns it; the runner's may read slots whose step is under way."""

    def __init__(self, states: Sequence[State], begin: Sequence[Array]) -> None:
        self.names = tuple(state.input for state in states)
        self._begin = begin
        self._arrays = [
            np.empty((0, *row.shape[1:]), state.dtype) for state, row in zip(states, begin, strict=True)
        ]
        # Invariant: every slot of the arrays is in the heap _free or taken.
        self._free: list[int] = []
        self._slot_bytes = SLOT_BYTES + sum(array.dtype.itemsize * array[:1].size for array in begin)

    def statistics(self) -> BankStatistics:
        """A snapshot."""
        slots = len(self._arrays[0])
        return BankStatistics(taken=slots - len(self._free), bytes=slots * self._slot_bytes)

    def growth_bytes(self, rows: int) -> int:
        """What taking so many slots would take at most: as long as it grows, the old arrays are there too."""
        grown = self._grown(rows)
        return (grown + len(self._arrays[0])) * self._slot_bytes if grown else 0

    def take(self, rows: int) -> Slots:
        """So many slots; what is in them is not to be read before it has been written."""
        self._grow(self._grown(rows))
        return np.array([heapq.heappop(self._free) for _ in range(rows)], np.intp)

    def give_back(self, slots: Slots) -> None:
        """Slots that nobody reads any more. With the last of them the memory goes."""
        for slot in slots.tolist():
            heapq.heappush(self._free, slot)
        if len(self._free) == len(self._arrays[0]) > FIRST_SLOTS:
            self._arrays = [np.empty((0, *array.shape[1:]), array.dtype) for array in self._arrays]
            self._free = []

    def read(self, slots: Slots, fresh: Sequence[tuple[int, slice]]) -> dict[str, Array]:
        """The states in these slots, copied; `fresh` names states, by number, and rows that begin anew."""
        found = [array[slots] for array in self._arrays]
        for number, rows in fresh:
            found[number][rows] = self._begin[number]
        return dict(zip(self.names, found, strict=True))

    def write(self, slots: Slots, states: Sequence[Array]) -> None:
        """Take the states that follow, a row a slot."""
        for array, left in zip(self._arrays, states, strict=True):
            array[slots] = left

    def _grown(self, rows: int) -> int:
        """How many slots there are to be for so many more; 0 if there are enough."""
        have, needed = len(self._arrays[0]), len(self._arrays[0]) - len(self._free) + rows
        if needed <= have:
            return 0
        return max(FIRST_SLOTS, 1 << (needed - 1).bit_length())

    def _grow(self, slots: int) -> None:
        """MemoryError, and nothing has changed, if there is no memory."""
        have = len(self._arrays[0])
        grown = [np.empty((slots, *array.shape[1:]), array.dtype) for array in self._arrays if slots]
        for new, old in zip(grown, self._arrays, strict=False):
            new[:have] = old
        self._arrays = grown or self._arrays
        self._free.extend(range(have, slots))
        heapq.heapify(self._free)
