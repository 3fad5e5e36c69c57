"""A program run at several batch sizes, its time and its memory taken.

What is measured is a batch as it is served: its inputs merged into arrays of their own, those of the next batch
merged beside them, its outputs, and the copy of the outputs that goes to the gateway. The memory of a batch is
the largest growth of the process's resident memory over the loaded program that has run once, with all that
could be given back given back before; or what the engine's own analysis of the compiled program says, if that is
more.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from horngate.server import memory
from horngate.server.budget import size_text
from horngate.server.worker.engines import Array, Program, analysed_bytes, begins_early, enqueues
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.gauges import gauge
from horngate.server.worker.reference import Reference
from horngate.server.worker.undisturbed import undisturbed_s

LONGEST_RUN_S = 0.2
RUNS_S = 0.03
LEAST_RUNS = 3
SLOW_RUNS = 2
LEAST_ROWS = 16
"""Memory is probed up to this size at least, however slow the program: a line needs two sizes past one row."""

STEADY = 0.1
STEADY_RUN_S = 2.0
"""Beyond LEAST_ROWS slow sizes are probed until the line's last two pieces are as steep but for the tenth."""

COPIES = {"openvino": 2, "keras": 2}
"""OpenVINO packs the weights a second time when it first runs; Keras reads them before it assigns them."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What a probe may take. `row_bytes` is the estimate before anything was measured, `weights_bytes` what the
    weights take; `alone` is entered by whoever runs, so that no other batch is in the measurement. Batches of more
    than `most_rows` are never served."""

    room_bytes: int
    row_bytes: int
    weights_bytes: int
    alone: Callable[[], AbstractContextManager[object]]
    most_rows: int | None = None

    def served(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Those of ascending sizes that are served; a bound among them takes the place of the next one."""
        most = self.most_rows
        if most is None or most >= sizes[-1]:
            return tuple(sizes)
        return (*(rows for rows in sizes if rows < most), most)

    def admit(self, engine: str, *, times: int = 1) -> None:
        """OutOfMemory if an engine has no room for the copies that it makes of the weights, so many times."""
        needed = self.held_bytes(engine, times=times)
        if needed > self.room_bytes:
            raise OutOfMemory(
                f"needs {size_text(needed)} for the weights; {size_text(self.room_bytes)} are left"
            )

    def held_bytes(self, engine: str, *, times: int = 1) -> int:
        """What those copies take."""
        return times * COPIES.get(engine, 1) * self.weights_bytes

    def allows(self, rows: int, points: Sequence[tuple[int, int]]) -> bool:
        """Whether a batch of so many rows is likely to fit, by what is measured, else by the estimate.

        One row is always tried: the estimate alone refuses nobody.
        """
        if rows == 1:
            return True
        if not points or points[-1][0] < 2:
            return rows * self.row_bytes <= self.room_bytes
        last_rows, last_bytes = points[-1]
        return 2 * last_bytes * rows / last_rows <= self.room_bytes


@dataclass(kw_only=True)
class Sweep:
    """Rows a second by batch size, and the bytes that each size took."""

    curve: dict[int, float] = field(default_factory=dict)
    points: list[tuple[int, int]] = field(default_factory=list)


def sweep(program: Program, reference: Reference, sizes: Sequence[int], guard: Guard) -> Sweep:
    """Run ascending sizes until one is slow and memory is known, or until the next is not likely to fit."""
    found = Sweep()
    warm(program, reference)
    idle_bytes = resident_idle_bytes(program)
    for rows in _worth_compiling(program, guard.served(sizes)):
        if not guard.allows(rows, found.points):
            break
        inputs = reference.rows(rows)
        try:
            # The compiler knows exactly what it lays out, and nothing of what its libraries take besides.
            known_bytes = analysed_bytes(program, inputs)
            if known_bytes is not None and known_bytes > guard.room_bytes:
                break
            with guard.alone():
                took_s, took_bytes = measure(program, inputs, idle_bytes)
        except OutOfMemory:
            if rows == 1:
                raise
            break
        found.curve[rows] = rows / took_s
        found.points.append((rows, _bytes(took_bytes, known_bytes)))
        is_known = rows >= LEAST_ROWS and is_steady(found.points, flattens=begins_early(program))
        if rows >= LEAST_ROWS and took_s > (LONGEST_RUN_S if is_known else STEADY_RUN_S):
            break
    return found


def _worth_compiling(program: Program, sizes: Sequence[int]) -> Sequence[int]:
    """Every second size, and the last, of a program that takes seconds to compile for each."""
    return sorted({*sizes[::2], *sizes[-1:]}) if enqueues(program) else sizes


def _bytes(took_bytes: int, known_bytes: int | None) -> int:
    """What a batch takes: the more of both. A peak that is never reset may be that of trying how to compute it."""
    if known_bytes is None:
        return took_bytes
    return max(took_bytes, known_bytes) if gauge().peak_falls else known_bytes


def is_steady(points: Sequence[tuple[int, int]], *, flattens: bool = False) -> bool:
    """Whether the last three points lie so straight that the line may be drawn on.

    Where no more parts run at once however many rows there are, it `flattens`: to draw it on is to take more.
    """
    (first, one), (second, two), (third, three) = points[-3:]
    before, after = (two - one) / (second - first), (three - two) / (third - second)
    return (flattens and after < before) or abs(after - before) <= STEADY * max(before, after)


def warm(program: Program, reference: Reference) -> None:
    """Have a program make whatever it makes when it first runs."""
    for _ in range(2):
        program.run(reference.rows(1))


def resident_idle_bytes(program: Program) -> int:
    """The memory in use when all is given back that earlier batches left; a process's resident memory, on a CPU."""
    program.release()
    memory.trim()
    return gauge().used_bytes()


def measure(program: Program, inputs: Mapping[str, Array], idle_bytes: int) -> tuple[float, int]:
    """Seconds of the fastest run, since others can only slow one; and the most memory above `idle_bytes`.

    The inputs, made since then, stand for the next batch's and count.
    """
    resident_idle_bytes(program)
    device = gauge()
    device.reset_peak()
    begin = time.perf_counter()
    runs_s: list[float] = []
    while not _is_enough(runs_s, time.perf_counter() - begin):
        runs_s.append(_run_as_served(program, inputs))
    return min(runs_s), max(0, device.peak_bytes() - idle_bytes)


def _is_enough(runs_s: Sequence[float], passed_s: float) -> bool:
    if runs_s and runs_s[-1] > LONGEST_RUN_S:
        return len(runs_s) >= SLOW_RUNS
    return len(runs_s) >= LEAST_RUNS and passed_s >= RUNS_S


def _run_as_served(program: Program, inputs: Mapping[str, Array]) -> float:
    merged = {name: np.array(array) for name, array in inputs.items()}
    outputs: list[Array] = []
    took_s = undisturbed_s(lambda: outputs.extend(program.run(merged)))
    copies = [np.array(output) for output in outputs]
    del copies
    return took_s
