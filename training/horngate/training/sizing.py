"""`batch_size = "auto"`: the largest batch that memory holds, found by measurement."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from horngate.contract.errors import RecipeError
from horngate.training.checkpoints.state import Place, restore, take
from horngate.training.data.feeding import Feeding, Rows

PROBES = (8, 32)
"""Rows of the batches that are measured. Memory is a straight line in rows (a batch of 1 is not on it)."""
LARGEST = 1024
"""Larger batches train worse before they train faster."""
_SPARED = 0.25
"""The part of the free memory that is left alone: the line is not exact, and other processes live too."""


def largest_batch(peak_bytes: Callable[[int], int], free_bytes: int, rows: int) -> int:
    """The largest power of two whose step fits, at most LARGEST and no more than all rows.

    `peak_bytes(n)` is what a training step of n rows takes at most. RecipeError if not even one row fits.
    """
    (few, small), (many, large) = ((count, peak_bytes(count)) for count in PROBES)
    per_row = max(0.0, (large - small) / (many - few))
    fixed = max(0.0, small - few * per_row)
    allowed = free_bytes * (1 - _SPARED)
    batch = 1
    while batch * 2 <= min(LARGEST, rows) and fixed + 2 * batch * per_row <= allowed:
        batch *= 2
    if fixed + batch * per_row > allowed:
        raise RecipeError(
            f'fit.batch_size = "auto": a step of one row takes about {(fixed + per_row) / 1e6:.0f} MB; '
            f"{allowed / 1e6:.0f} MB are free for it"
        )
    return batch


def peak_of_step(step: Callable[[int], Any]) -> Callable[[int], int]:
    """Measures what `step(rows)` adds to this process's memory at most, the second time: the first compiles."""

    def measured(rows: int) -> int:
        step(rows)
        Path("/proc/self/clear_refs").write_text("5")  # begin the peak anew
        before = _status("VmRSS")
        step(rows)
        return max(0, _status("VmHWM") - before)

    return measured


def measured_batch_size(model: Any, rows: Rows) -> int:
    """The largest batch for a model that is compiled and built. Its state is put back after the steps tried."""
    state = take(model, [], Place(), {}, None)

    def step(count: int) -> None:
        batches = rows.batches(Feeding(batch_size=count), range(1))
        model.train_on_batch(*next(batches.as_numpy_iterator()))

    try:
        return largest_batch(peak_of_step(step), free_memory(), len(rows))
    finally:
        restore(state, model, [])


def free_memory() -> int:
    """Bytes that this process may still take: the machine's, or less in a cgroup with a limit."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return min([int(lines["MemAvailable"].split()[0]) * 1024, *_left_in_cgroup()])


def _left_in_cgroup() -> Sequence[int]:
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            text = (Path("/sys/fs/cgroup") / limit).read_text().strip()
            return [] if text == "max" else [int(text) - int((Path("/sys/fs/cgroup") / used).read_text())]
        except (OSError, ValueError):
            continue
    return []


def _status(key: str) -> int:
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
