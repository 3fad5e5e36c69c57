"""Rows a second by batch size, timed until it is settled which sizes are the fastest.

Each size is first timed when its memory is measured, one after the other: a busy second makes one look slow, and
batches would be filled to another for good. So those that come close are timed again in turns.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from horngate.server.worker.engines import Program
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import Guard
from horngate.server.worker.reference import Reference
from horngate.server.worker.rounds import TURN_S
from horngate.server.worker.undisturbed import undisturbed_s

NEAR = 0.8
"""What part of the best rate a size needs to be timed again."""

MOST_ROUNDS, ENOUGH_S = 5, 2.0
STEADY = 1.02
"""It is settled when a round makes no size faster than by so much."""


def settled(
    program: Program, reference: Reference, curve: Mapping[int, float], guard: Guard
) -> dict[int, float]:
    """The curve with each size's best rate over several rounds."""
    rates, begin_s = dict(curve), time.monotonic()
    for _ in range(MOST_ROUNDS):
        before = dict(rates)
        near = [rows for rows, rate in rates.items() if rate >= NEAR * max(rates.values())]
        if len(near) < 2 or time.monotonic() - begin_s > ENOUGH_S:
            break
        for rows in near:
            with guard.alone(), suppress(OutOfMemory):  # There was enough before.
                took_s = undisturbed_s(partial(program.run, reference.rows(rows)), TURN_S)
                rates[rows] = max(rates[rows], rows / took_s)
        if all(rates[rows] <= STEADY * before[rows] for rows in near):
            break
    return rates
