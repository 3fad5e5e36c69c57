"""Memory for batches: what the budget and the machine leave, looked at before each batch that could matter.

Engines keep what their batches took, and as sizes vary they keep more than any one batch needs. So the model of
a batch's memory bounds the batch alone, and what is kept is measured: when the next batch would not fit beside
it, it is given back first.
"""

import math
import time
from collections.abc import Callable, Hashable
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

from horngate.server import memory
from horngate.server.worker.alone import Alone
from horngate.server.worker.gauges import gauge

BROKEN_SHARE = 0.3
"""What a batch no larger than the largest before takes all the same: kept memory breaks up as sizes vary.

A larger one, or another program's, finds next to nothing in it that is large enough.
"""

LOOK_BYTES = 16 << 20
LOOK_S = 0.25
FLOOR_SHARE = 0.5
"""The part of the reserve that has to be free when a batch begins: gateways take in requests while it runs."""


class Kept(Protocol):
    """A program, as far as its memory goes; see engines.Program."""

    @property
    def pool(self) -> Hashable: ...

    def release(self) -> None:
        """Free what earlier batches left reserved."""


class Room:
    """The memory of one worker's batches. The runner's thread makes room; the main one sets `budget_bytes`.

    `alone` is held by whoever runs a program: one batch, or one probe, at a time. `left_bytes` may be replaced by
    a test's own.
    """

    def __init__(self, left_bytes: Callable[[], int] | None = None) -> None:
        self.budget_bytes: int | None = None
        self.alone = Alone()
        self._left = left_bytes or self._measured_left
        # Invariant: what the largest batch needed since all was given back, by program.
        self._kept: WeakKeyDictionary[Kept, int] = WeakKeyDictionary()
        self._programs: WeakSet[Kept] = WeakSet()
        self._looked_s = -math.inf

    def left_bytes(self) -> int:
        """What the worker may still take, now."""
        return self._left()

    def make(self, program: Kept, needed_bytes: int) -> bool:
        """Whether a batch of so many bytes may run now; what earlier ones left is given back if it must be."""
        self._programs.add(program)
        kept_bytes = self._kept.get(program, 0)
        if self._is_known_to_fit(needed_bytes, kept_bytes) or self._fits(program, needed_bytes):
            self._kept[program] = max(kept_bytes, needed_bytes)
            return True
        self.give_back()
        if not self._fits(program, needed_bytes):
            return False
        self._kept[program] = needed_bytes
        return True

    def give_back(self) -> None:
        """Return to the system what batches left reserved."""
        for program in {each.pool: each for each in list(self._programs)}.values():
            program.release()
        memory.trim()
        self._kept.clear()

    def _fits(self, program: Kept, needed_bytes: int) -> bool:
        is_larger = needed_bytes > self._kept.get(program, 0)
        return self._left() >= (needed_bytes if is_larger else int(BROKEN_SHARE * needed_bytes))

    def _is_known_to_fit(self, needed_bytes: int, kept_bytes: int) -> bool:
        """Looking costs as much as a tiny batch: those are looked after now and then."""
        now_s = time.monotonic()
        if needed_bytes < LOOK_BYTES and now_s - self._looked_s < LOOK_S and needed_bytes <= kept_bytes:
            return True
        self._looked_s = now_s
        return False

    def _measured_left(self) -> int:
        device = gauge()
        left = device.left_bytes() - int(FLOOR_SHARE * device.reserve_bytes())
        if self.budget_bytes is not None:
            left = min(left, self.budget_bytes - device.used_bytes())
        return left
