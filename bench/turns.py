"""A call made again and again for a while: how the benchmarks of engines time one."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Turn:
    """So many rows were computed, and what that took by the clock and of the process's CPU time."""

    rows: int
    elapsed_s: float
    cpu_s: float

    @property
    def rows_per_s(self) -> float:
        """By the clock."""
        return self.rows / self.elapsed_s

    @property
    def row_cpu_s(self) -> float:
        """CPU time a row."""
        return self.cpu_s / self.rows


def turn(call: Callable[[], object], rows: int, least_s: float) -> Turn:
    """Call, with a batch of so many rows, for so long and once at the least; the first call does not count."""
    call()
    runs, start_s, cpu_s = 0, time.perf_counter(), time.process_time()
    while (elapsed_s := time.perf_counter() - start_s) < least_s or not runs:
        call()
        runs += 1
    return Turn(rows=runs * rows, elapsed_s=elapsed_s, cpu_s=time.process_time() - cpu_s)
