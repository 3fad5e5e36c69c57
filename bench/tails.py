"""Two versions of the server under the same calls, on an engine that takes exactly what a curve says.

    git worktree add ../before REVISION
    python bench/tails.py ../before [--curve 1:24,2:23.5,4:23,8:25,16:26] [--loads 0.7] [--seconds 70] [--json]

Calls come at random moments, one row each, at a share of the curve's best rate; both servers have them at the same
time, since the engine takes no core (`timed_engine.py`). The curve is ResNet50's on ONNX Runtime, see README.md.
"""

import argparse
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from made import made
from open_loop import Outcome, drive, percentile
from table import table
from timed_server import ENGINES, MODEL, request
from versions import version

from horngate.server.simulate.command import read_curve

OUT = Path(__file__).parent / "out" / "tails"
SHARES = (0.5, 0.9, 0.99)


def measure(options: argparse.Namespace) -> Iterator[dict[str, float | str]]:
    """The latencies of each version at each load."""
    folder = OUT / "models" / MODEL
    made("mlp", folder / "1" / "model.h5")
    (folder / "model.toml").write_text('engine = "timed"\n')
    os.environ |= {"HORNGATE_ENGINES": ENGINES, "HORNGATE_TIMED": options.curve}
    best, now = best_rate(options.curve), Path(__file__).parents[1]
    with (
        version(options.before, folder.parent, "tails-before", [], bench=True) as old,
        version(now, folder.parent, "tails-now", [], bench=True) as new,
        ThreadPoolExecutor() as both,
    ):
        for load in options.loads:
            ask = partial(drive, rate=load * best, seconds=options.seconds, seed=options.seed)
            asked = [both.submit(ask, server.grpc, request()) for server in (old, new)]
            for name, outcomes in zip(("before", "now"), asked, strict=True):
                yield {"load": load, "version": name, **figures(outcomes.result())}


def best_rate(curve: str) -> float:
    """Rows a second in batches of the size that is fastest."""
    read, best = read_curve(curve)
    return best / read.seconds(best)


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """How many there were, and their latencies in ms. RuntimeError if one failed."""
    if failed := {outcome.code for outcome in outcomes} - {"OK"}:
        raise RuntimeError(f"calls failed: {', '.join(sorted(failed))}")
    took_ms = [outcome.took_s * 1000 for outcome in outcomes]
    return {"calls": len(took_ms)} | {f"p{share * 100:g} ms": percentile(took_ms, share) for share in SHARES}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a folder with the other version's code")
    parser.add_argument("--curve", default="1:24,2:23.5,4:23,8:25,16:26")
    parser.add_argument("--loads", nargs="+", type=float, default=[0.7])
    parser.add_argument("--seconds", type=float, default=70.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the table")
    options = parser.parse_args()
    found = list(measure(options))
    if options.json:
        print(json.dumps(found))
        return
    rows = [
        [value if isinstance(value, str) else f"{value:,.4g}" for value in each.values()] for each in found
    ]
    print(table(list(found[0]), rows))


if __name__ == "__main__":
    main()
