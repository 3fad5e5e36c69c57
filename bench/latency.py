"""What the server adds to a single request: its latency one at a time over the engine's own time for one row.

    python bench/latency.py [--seconds 3] [--repeats 3] [--json]

The tiny network (784-128-10, 3 KB a request). The engine alone is timed in a process by `engine_alone.py`, on the
server's own artifact, before and after each load; the best setting counts. What h2load takes to send and read is
part of the server's figure.
"""

import argparse
import json
import signal
import statistics
from pathlib import Path

from engine_alone import Settings, in_fresh_process
from h2load import load
from made import made
from processes import wait_until_idle
from table import table
from timed_server import request

from horngate.cli.serving import serving

OUT = Path(__file__).parent / "out" / "latency"


def measure(seconds: float, repeats: int) -> list[tuple[float, float]]:
    """Milliseconds: the median latency of the server, and the engine's for a row, a pair for each repeat."""
    models = OUT / "models"
    made("mlp", models / "mlp.h5")
    found = []
    with serving(models, workspace=OUT) as server:
        [folder] = {path.parent for path in (OUT / "cache").rglob("spec.json")}
        for _ in range(repeats):
            load(server.grpc, request(), connections=1, streams=1, seconds=0.5)
            run = load(server.grpc, request(), connections=1, streams=1, seconds=seconds)
            wait_until_idle(server.pid)
            found.append((run.p50_ms, _engine_ms(folder, seconds)))
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
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    pairs = measure(options.seconds, options.repeats)
    served_ms, engine_ms = (statistics.median(each) for each in zip(*pairs, strict=True))
    added_ms = statistics.median(served - engine for served, engine in pairs)
    if options.json:
        return print(json.dumps({"served_ms": served_ms, "engine_ms": engine_ms, "added_ms": added_ms}))
    rows = [("3 KB, one at a time", f"{served_ms:.3f}", f"{engine_ms:.3f}", f"{added_ms:.3f}")]
    print(table(["request", "p50 ms", "engine ms", "added ms"], rows))


if __name__ == "__main__":
    main()
