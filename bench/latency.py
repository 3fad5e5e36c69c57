"""What the server adds to a single request: its latency one at a time over the engine's own time for one row.

    python bench/latency.py [--seconds 3] [--repeats 3] [--awake] [--json]

The tiny network (784-128-10, 3 KB a request). The engine alone is timed in a process by `engine_alone.py`, on the
server's own artifact, before and after each load; the best setting counts. What h2load takes to send and read is
part of the server's figure. With `--awake` every second repeat has a process on each core that runs only where
nothing else does (SCHED_IDLE): what that saves is what cores take to wake from sleep, five times a request.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_alone import Settings, in_fresh_process
from h2load import load
from made import made
from processes import wait_until_idle
from table import table
from timed_server import request

from horngate.cli.serving import serving

OUT = Path(__file__).parent / "out" / "latency"


BUSY = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"


@contextmanager
def awake(cores: int) -> Iterator[None]:
    """So many cores are never without work, which gives way to any other."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(seconds: float, repeats: int, cores: int = 0) -> list[tuple[float, float, bool]]:
    """For each repeat, in milliseconds: the median latency of the server, and the engine's for a row.

    Of two repeats the second has so many cores kept awake, if any are; whether this one had.
    """
    models = OUT / "models"
    made("mlp", models / "mlp.h5")
    found = []
    with serving(models, workspace=OUT) as server:
        [folder] = {path.parent for path in (OUT / "cache").rglob("spec.json")}
        for is_awake in [False, True] * repeats if cores else [False] * repeats:
            with awake(cores if is_awake else 0):
                load(server.grpc, request(), connections=1, streams=1, seconds=0.5)
                run = load(server.grpc, request(), connections=1, streams=1, seconds=seconds)
            wait_until_idle(server.pid)
            found.append((run.p50_ms, _engine_ms(folder, seconds), is_awake))
    return found


def _engine_ms(folder: Path, seconds: float) -> float:
    rates = in_fresh_process(folder, Settings(threads=[1], rows=[1], seconds=seconds / 2))
    return 1000 / max(rate.rows_per_s for rate in rates)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--awake", action="store_true", help="and again with cores that never sleep")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    found = measure(options.seconds, options.repeats, (os.cpu_count() or 1) if options.awake else 0)
    figures = [
        _figures([(served, engine) for served, engine, was_awake in found if was_awake is is_awake])
        for is_awake in ([False, True] if options.awake else [False])
    ]
    if options.json:
        return print(json.dumps(figures[0] | ({"awake": figures[1]} if options.awake else {})))
    names = ["3 KB, one at a time", "the same, cores kept awake"]
    rows = [
        (name, *(f"{value:.3f}" for value in each.values()))
        for name, each in zip(names, figures, strict=False)
    ]
    print(table(["request", "p50 ms", "engine ms", "added ms"], rows))


def _figures(pairs: list[tuple[float, float]]) -> dict[str, float]:
    served_ms, engine_ms = (statistics.median(each) for each in zip(*pairs, strict=True))
    added_ms = statistics.median(served - engine for served, engine in pairs)
    return {"served_ms": served_ms, "engine_ms": engine_ms, "added_ms": added_ms}


if __name__ == "__main__":
    main()
