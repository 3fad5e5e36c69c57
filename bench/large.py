"""What a large request costs the server: one picture's pixels (151 KB) a request, hundreds at once.

    python bench/large.py [--at-once 32 128 512] [--rows 128] [--row-us 40] [--seconds 3] [--repeats 2] [--json]

The engine is `apart_engine.py`, a device that takes no core of the host's: what is left are the gateways, and the
worker's Python. Pictures go in the message and through shared memory, one a request. CPU µs a request: of the
gateways, of the worker's main thread, which takes requests in and answers them, and of its others, which merge.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from h2load import closed_loop, grpc_post
from messages import infer_message
from processes import main_thread_cpu_s, tree_cpu_s, tree_named
from regions import pointing_message, region
from table import table

from horngate.cli.serving import Serving, serving

BENCH = Path(__file__).parent.absolute()
OUT = BENCH / "out" / "large"
NAME, INPUT, REGION = "light", "image", "picture"
WAYS = ("message", "shared memory")
SAVED = """
import sys
from pathlib import Path
import images
images.save_light(Path(sys.argv[1]))
"""


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every figure, repeats interleaved."""
    models = OUT / "models"
    if not (models / NAME).exists():
        subprocess.run([sys.executable, "-c", SAVED, str(models)], check=True, cwd=BENCH)
    settings = models / NAME / "model.toml"
    settings.write_text(
        f'preprocess = "tf"\nengine = "apart"\nmax_rows = {options.rows}\nbatching = "largest"\n'
    )
    os.environ |= {
        "HORNGATE_ENGINES": "apart=apart_engine:Apart",
        "HORNGATE_TIMED": f"0.001+{options.row_us / 1e6}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(BENCH), os.environ.get("PYTHONPATH", "")])),
    }
    arguments = ["--shared-memory", "--gateways", str(options.gateways)]
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    with serving(models, workspace=OUT, arguments=arguments) as server, region(server, REGION, pixels):
        messages = infer_message(NAME, INPUT, pixels), pointing_message(NAME, INPUT, pixels, REGION)
        for _ in range(options.repeats):
            for at_once in options.at_once:
                for way, message in zip(WAYS, messages, strict=True):
                    yield {"way": way, "at_once": at_once} | _figure(
                        server, message, at_once, options.seconds
                    )


def _figure(server: Serving, message: bytes, at_once: int, seconds: float) -> dict[str, Any]:
    post = grpc_post(server.grpc, message)
    streams = max(1, at_once // 8)
    shape = {"connections": at_once // streams, "streams": streams}
    closed_loop(post, **shape, seconds=1.0)
    [worker] = tree_named(server.pid, "worker")
    before, main = tree_cpu_s(server.pid), main_thread_cpu_s(worker)
    seen = closed_loop(post, **shape, seconds=seconds)
    after, main_after = tree_cpu_s(server.pid), main_thread_cpu_s(worker)
    each = 1e6 / seen.requests
    taken = {kind: (after[kind] - before[kind]) * each for kind in ("gateway", "worker")}
    main_us = (main_after - main) * each
    return {
        "per_s": seen.requests_per_s,
        "p50_ms": seen.p50_ms,
        "gateway_us": taken["gateway"],
        "main_us": main_us,
        "others_us": taken["worker"] - main_us,
    }


def _table(found: Sequence[dict[str, Any]]) -> str:
    columns = ("per_s", "p50_ms", "gateway_us", "main_us", "others_us")
    kinds = dict.fromkeys((each["way"], each["at_once"]) for each in found)
    rows = []
    for way, at_once in kinds:
        own = [each for each in found if (each["way"], each["at_once"]) == (way, at_once)]
        figures = [statistics.median(each[name] for each in own) for name in columns]
        rows.append([f"{way}, {at_once} at once", *(f"{figure:,.1f}" for figure in figures)])
    titles = ("requests/s", "p50 ms", "gateways µs", "worker's main thread µs", "its others µs")
    return table(("151 KB a request", *titles), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at-once", nargs="+", type=int, default=[32, 128, 512])
    parser.add_argument("--rows", type=int, default=128, help="of a batch at the most")
    parser.add_argument("--row-us", type=float, default=40.0, help="what the device takes for a row")
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    found = []
    for figure in measure(options):
        print(json.dumps(figure), file=sys.stdout if options.json else sys.stderr, flush=True)
        found.append(figure)
    if not options.json:
        print(_table(found))
        print(f"\nThe machine's load was {os.getloadavg()[0]:.1f} at the end, on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
