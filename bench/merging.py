"""What it costs to merge requests into a batch: into memory that is new, or into a buffer that is kept.

    python bench/merging.py [--rows 16] [--repeats 9] [--json]

Pictures of 602 KB, one a request: where they lie apart, and where they lie one behind the other as gateways put
them, which the worker sees as one array without a copy. Each with the allocator as it comes, and set as workers
have it (`MALLOC_*`). `faults` are pages that the kernel had to give, a batch: memory that was used before has none.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from table import table

from horngate.server.supervisor.children import MALLOC, ONE_HEAP
from horngate.server.worker.joining import joined

PICTURE = (1, 224, 224, 3)
BATCHES = 20
ALLOCATORS: dict[str, dict[str, str]] = {"as it comes": {}, "MALLOC_*": MALLOC | ONE_HEAP}


def ways(rows: int) -> dict[str, Callable[[], object]]:
    """Calls that merge one batch."""
    behind = np.random.default_rng(0).random((rows, *PICTURE[1:]), np.float32)
    in_order = [behind[row : row + 1] for row in range(rows)]
    apart = [np.array(picture) for picture in in_order]
    kept = np.empty_like(behind)
    return {
        "apart": lambda: joined(apart),
        "apart, into a buffer that is kept": lambda: np.concatenate(apart, out=kept),
        "one behind the other": lambda: joined(in_order),
    }


def measure(rows: int) -> list[tuple[str, float, float]]:
    """Each way's milliseconds and faults a batch, in this process."""
    found = []
    for name, merge in ways(rows).items():
        merge()
        before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        for _ in itertools.repeat(None, BATCHES):
            merge()
        took_ms = (time.perf_counter() - begin) * 1000
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        found.append((name, took_ms / BATCHES, faults / BATCHES))
    return found


def in_fresh_process(rows: int, variables: dict[str, str]) -> list[tuple[str, float, float]]:
    """The same in a process of its own: the allocator's settings are read when one starts."""
    command = [sys.executable, __file__, "--rows", str(rows), "--here"]
    output = subprocess.run(command, check=True, env=os.environ | variables, stdout=subprocess.PIPE).stdout
    return [(name, took_ms, faults) for name, took_ms, faults in json.loads(output)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=9, help="processes of each, in turns")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the table")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return print(json.dumps(measure(options.rows)))
    turns = [
        {name: in_fresh_process(options.rows, variables) for name, variables in ALLOCATORS.items()}
        for _ in range(options.repeats)
    ]
    lines = []
    for name in ALLOCATORS:
        for same in zip(*(turn[name] for turn in turns), strict=True):
            took_ms, faults = (statistics.median(each[place] for each in same) for place in (1, 2))
            lines.append((f"{same[0][0]}, {name}", took_ms, faults))
    if options.json:
        return print(json.dumps(lines))
    cells = [(name, f"{took_ms:.2f}", f"{faults:,.0f}") for name, took_ms, faults in lines]
    print(table([f"{options.rows} pictures of 602 KB", "ms a batch", "faults a batch"], cells))


if __name__ == "__main__":
    main()
