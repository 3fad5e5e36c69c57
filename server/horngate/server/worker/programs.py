"""The programs of one model: its own, those that its settings name, and those made for layers when asked for."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from horngate.server.worker.engines import Program
from horngate.server.worker.wanted import Wanted

MAX_PROGRAMS = 32
"""How many a model has at the most, whatever memory allows."""


@dataclass(slots=True, eq=False, kw_only=True)
class Kept:
    """A program, an upper bound of what it holds, and when it was last asked for. Some stay `for_good`."""

    program: Program
    size_bytes: int
    for_good: bool
    used_s: float


class Programs:
    """The worker's main thread owns it, once the model is loaded. `given_up` hears what goes."""

    def __init__(self, given_up: Callable[[Wanted], None]) -> None:
        self._given_up = given_up
        # Invariant: the least recently used comes first; _size_bytes is the sum over all.
        self._kept: OrderedDict[Wanted, Kept] = OrderedDict()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """An upper bound of what all of them hold."""
        return self._size_bytes

    def __iter__(self) -> Iterator[Program]:
        return (kept.program for kept in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, wanted: Wanted, program: Program, size_bytes: int, *, for_good: bool = False) -> None:
        """Keep a program; beyond MAX_PROGRAMS the least recently used goes."""
        self._kept[wanted] = Kept(
            program=program, size_bytes=size_bytes, for_good=for_good, used_s=time.monotonic()
        )
        self._size_bytes += size_bytes
        if len(self._kept) > MAX_PROGRAMS:
            self.give_up()

    def get(self, wanted: Wanted) -> Program | None:
        """The program for that if there is one; it counts as used."""
        kept = self._kept.get(wanted)
        if kept is None:
            return None
        kept.used_s = time.monotonic()
        self._kept.move_to_end(wanted)
        return kept.program

    @property
    def may_give_up(self) -> bool:
        """Whether there is a program that may go."""
        return self._next() is not None

    @property
    def idle_since_s(self) -> float:
        """When the program that would go next was last asked for; infinity if none may go."""
        wanted = self._next()
        return math.inf if wanted is None else self._kept[wanted].used_s

    def give_up(self) -> None:
        """Let go of the least recently used program, if one may go. What waits for it still runs on it."""
        wanted = self._next()
        if wanted is not None:
            self._size_bytes -= self._kept.pop(wanted).size_bytes
            self._given_up(wanted)

    def _next(self) -> Wanted | None:
        return next((wanted for wanted, kept in self._kept.items() if not kept.for_good), None)
