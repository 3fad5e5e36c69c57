"""Programs timed against one another in turns, round by round, until it is clear which is the fastest.

Whatever else runs on the machine slows the one whose turn it is. In turns it does so to all of them, and the least
of what several turns took has the least of it; see also `undisturbed`.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from horngate.server.logs import logger
from horngate.server.worker.engines import EngineChoice, Program
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import LONGEST_RUN_S, Guard
from horngate.server.worker.reference import Reference
from horngate.server.worker.undisturbed import undisturbed_s

TIMED_ROWS = (1, 4, 16, 64)
LONG_S = 0.05
"""The first batch of several rows that takes longer is the last; so is one row, beyond LONGEST_RUN_S."""

TURN_S = 0.01
"""A batch that takes less runs again and again for so long."""

CLOSENESS = (0.6, 0.7, 0.8, 0.9, 0.95)
"""What part of the best one's merit an engine needs for another turn, round by round."""

ENOUGH_S, LEAST_ROUNDS = 5.0, 2
"""After so many rounds, and so long, it is decided by what there is."""

TINY_ROWS_PER_S, TINY_ROUNDS = 2000.0, 2
"""Networks that are as fast hardly wait for their engine, and get no more rounds than this."""

PARTS_ROOM, PARTS_COPIES = 4, 2
"""Parts want room for so many times the weights: they hold them twice, and leave as much to other models."""

BESIDE_WEIGHTS_BYTES = 32 << 20
"""What a program holds beside its weights, about."""

KEPT_SHARE = 0.5
"""The part of the room that programs may take while others are tried; batches run in the rest."""

PARTS_GAIN = 1.1
"""What parts are worth besides: a gateway on one of their cores holds up one part, not every layer's threads.

Beside one (`bench/README.md`) all cores on each layer kept 0.76 to 0.88 of their rate, parts 0.94 and more.
"""


@dataclass(slots=True, eq=False)
class Entrant:
    """An engine that is timed: `took_s` is the least seconds by rows. `program` is None once there was no room to
    keep it."""

    choice: EngineChoice
    program: Program | None
    took_s: dict[int, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The geometric mean of its rows a second: neither the single row nor the full batch decides alone."""
        rates = [rows / took_s for rows, took_s in self.took_s.items()]
        return math.exp(sum(map(math.log, rates)) / len(rates)) if rates else 0.0

    @property
    def merit(self) -> float:
        """By which one is chosen."""
        return merit(self.choice, self.score)


def merit(choice: EngineChoice, score: float) -> float:
    """By which an engine is chosen: its score, and what is not seen while nobody is served."""
    return score * (PARTS_GAIN if choice.apart else 1.0)


class Rounds:
    """The programs of a contest. One thread owns it."""

    def __init__(self, reference: Reference, guard: Guard) -> None:
        self._reference = reference
        self._guard = guard
        self._beside = replace(guard, room_bytes=int((1 - KEPT_SHARE) * guard.room_bytes))
        # Invariant: nobody has a time for a size that is not one of these.
        self._sizes: Sequence[int] = guard.served(TIMED_ROWS)
        self._entrants: list[Entrant] = []

    @property
    def best(self) -> Entrant | None:
        """The one with the most merit so far."""
        return max(self._entrants, key=lambda entrant: entrant.merit, default=None)

    @property
    def most_rows(self) -> int:
        """The largest batch that is timed."""
        return self._sizes[-1]

    @property
    def scores(self) -> dict[EngineChoice, float]:
        """What each came to."""
        return {entrant.choice: entrant.score for entrant in self._entrants}

    def make_room(self, choice: EngineChoice) -> None:
        """Let go of the programs so far if one more would leave too little for batches.

        OutOfMemory if it has no room at all.
        """
        self._guard.admit(choice.engine, times=PARTS_ROOM if choice.apart else 1)
        held = [entrant for entrant in self._entrants if entrant.program is not None]
        choices = [choice, *(entrant.choice for entrant in held)]
        if sum(map(self._held_bytes, choices)) > KEPT_SHARE * self._guard.room_bytes:
            self.decide()  # What they do not get now they do not get at all.
            for entrant in held:
                entrant.program = None

    def _held_bytes(self, choice: EngineChoice) -> int:
        copies = PARTS_COPIES if choice.apart else 1
        return copies * BESIDE_WEIGHTS_BYTES + self._guard.held_bytes(choice.engine, times=copies)

    def enter(self, choice: EngineChoice, program: Program) -> None:
        """Time a program for the first time. OutOfMemory if not one row of it runs."""
        entrant, best = Entrant(choice, program), self.best
        for rows in self._sizes:
            if not self._run(entrant, rows) or self._is_enough(entrant, rows, best):
                break
        self._entrants.append(entrant)

    def _is_enough(self, entrant: Entrant, rows: int, best: Entrant | None) -> bool:
        """Whether larger batches would take long: of the first, which none runs then, or of one left behind."""
        if entrant.took_s[rows] <= (LONG_S if rows > 1 else LONGEST_RUN_S):
            return False
        if best is None:
            self._stop_at(rows)
        # The best one may have been left behind itself, with less of the larger sizes and more of the smaller.
        return best is None or best.took_s.get(rows, math.inf) < CLOSENESS[0] * entrant.took_s[rows]

    def decide(self) -> None:
        """Turns for those that could be the fastest, until there is one or it has been long enough."""
        begin_s, is_tiny = time.monotonic(), self.is_tiny
        for number, share in enumerate(CLOSENESS[:TINY_ROUNDS] if is_tiny else CLOSENESS):
            close = self._close(share)
            if len(close) < 2 or (number >= LEAST_ROUNDS and time.monotonic() - begin_s > ENOUGH_S):
                return
            for entrant in close:
                self._give_turn(entrant)

    @property
    def is_tiny(self) -> bool:
        """Whether the network hardly waits for its engine."""
        return self.best is not None and self.best.score > TINY_ROWS_PER_S

    def _close(self, share: float) -> list[Entrant]:
        """Those that have so much of the best one's merit, whether they are still here or not."""
        most = max((entrant.merit for entrant in self._entrants), default=0.0)
        return [entrant for entrant in self._entrants if entrant.merit >= share * most]

    def _give_turn(self, entrant: Entrant) -> None:
        try:
            for rows in self._sizes if entrant.program is not None else ():
                self._time(entrant, rows)
        except OutOfMemory:  # There was enough before.
            entrant.program = None
        except Exception as fault:  # It would fail when it serves such a batch, too.
            logger().warning(
                "an engine failed while it was timed", engine=str(entrant.choice), reason=str(fault)
            )
            entrant.program, entrant.took_s = None, {}

    def _run(self, entrant: Entrant, rows: int) -> bool:
        """Time a batch for the first time; whether there is memory for it. If not, none is compared from it on."""
        try:
            self._time(entrant, rows)
        except OutOfMemory:
            if rows == self._sizes[0]:
                raise
            self._stop_at(self._sizes[self._sizes.index(rows) - 1])
            return False
        return True

    def _time(self, entrant: Entrant, rows: int) -> None:
        if not self._beside.allows(rows, ()):
            raise OutOfMemory(f"no room for {rows} rows")
        run = partial(cast(Program, entrant.program).run, self._reference.rows(rows))
        if rows not in entrant.took_s:
            run()  # What is made when a size first comes does not count.
        entrant.took_s[rows] = min(undisturbed_s(run, TURN_S), entrant.took_s.get(rows, math.inf))

    def _stop_at(self, most_rows: int) -> None:
        self._sizes = tuple(rows for rows in self._sizes if rows <= most_rows)
        for entrant in self._entrants:
            entrant.took_s = {rows: took_s for rows, took_s in entrant.took_s.items() if rows <= most_rows}
