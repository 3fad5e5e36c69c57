"""The programs of one model: its own, those that its settings name, and those made for layers when asked for."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from horngate.server.worker.engines import Program

Outputs = tuple[str, ...]

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
    """The worker's main thread owns it, once the model is loaded. `given_up` hears of the outputs of what goes."""

    def __init__(self, given_up: Callable[[Outputs], None]) -> None:
        self._given_up = given_up
        # Invariant: the least recently used comes first; _size_bytes is the sum over all.
        self._kept: OrderedDict[Outputs, Kept] = OrderedDict()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """An upper bound of what all of them hold."""
        return self._size_bytes

    @property
    def outputs(self) -> list[Outputs]:
        """The outputs of each, the least recently used first."""
        return list(self._kept)

    def add(self, outputs: Outputs, program: Program, size_bytes: int, *, for_good: bool = False) -> None:
        """Keep a program; beyond MAX_PROGRAMS the least recently used goes."""
        self._kept[outputs] = Kept(
            program=program, size_bytes=size_bytes, for_good=for_good, used_s=time.monotonic()
        )
        self._size_bytes += size_bytes
        if len(self._kept) > MAX_PROGRAMS:
            self.give_up()

    def get(self, outputs: Outputs) -> Program | None:
        """The program for these outputs if there is one; it counts as used."""
        kept = self._kept.get(outputs)
        if kept is None:
            return None
        kept.used_s = time.monotonic()
        self._kept.move_to_end(outputs)
        return kept.program

    @property
    def may_give_up(self) -> bool:
        """Whether there is a program that may go."""
        return self._next() is not None

    @property
    def idle_since_s(self) -> float:
        """When the program that would go next was last asked for; infinity if none may go."""
        outputs = self._next()
        return math.inf if outputs is None else self._kept[outputs].used_s

    def give_up(self) -> None:
        """Let go of the least recently used program, if one may go. What waits for it still runs on it."""
        outputs = self._next()
        if outputs is not None:
            self._size_bytes -= self._kept.pop(outputs).size_bytes
            self._given_up(outputs)

    def _next(self) -> Outputs | None:
        return next((outputs for outputs, kept in self._kept.items() if not kept.for_good), None)
