"""Two versions of the server in turns, in one run: what a change gave, on a machine that drifts.

    git worktree add ../before REVISION
    python bench/versions.py ../before [--model mlp] [--concurrency 1 32] [--seconds 3] [--repeats 3] [--json]

Both are started on the same models; while one is driven, the other idles. `--model light` is a network that does
next to nothing with 602 KB a row. With `.` and --serve-now, settings are compared. CPU is in µs a request;
`switches` is how often a request had a thread of the server wait. Ratios are the medians of those within one
repeat, now over before.
"""

import argparse
import json
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from h2load import METHOD, load
from made import made
from messages import infer_message
from processes import tree, tree_cpu_s, wait_until_idle
from table import table

from horngate.cli.serving import Serving, serving

OUT = Path(__file__).parent / "out" / "versions"
PACKAGES = ("proto", "server", "zoo", "client", "training")
SHAPES = {"mlp": ("pixels", (1, 784)), "light": ("image", (1, 224, 224, 3))}
CONNECTIONS = 4


def make(model: str, folder: Path) -> Path:
    """A folder of this one model."""
    return made(model, folder / f"{model}.{'h5' if model == 'mlp' else 'keras'}").parent


def request(model: str) -> bytes:
    """One row."""
    name, shape = SHAPES[model]
    return infer_message(model, name, np.random.default_rng(0).random(shape, np.float32))


@contextmanager
def version(
    tree_folder: Path, models: Path, name: str, arguments: list[str], *, bench: bool = False
) -> Iterator[Serving]:
    """A server of the code in a folder; with the engines of our own `bench`, if so."""
    workspace = OUT / name
    workspace.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("PYTHONPATH")
    paths = [tree_folder.resolve() / package for package in PACKAGES]
    more = [Path(__file__).resolve().parent] if bench else []
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, [*paths, *more]))
    try:
        with serving(models, workspace=workspace, arguments=arguments) as server:
            yield server
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def switches(root: int) -> int:
    """How often threads of the processes below `root` have begun to wait."""
    found = 0
    for pid in tree(root):
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            lines = status.read_text().splitlines()
            found += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))
    return found


def drive(server: Serving, message: bytes, concurrency: int, seconds: float) -> dict[str, float]:
    """One cell."""
    connections = min(CONNECTIONS, concurrency)
    shape: dict[str, Any] = {"connections": connections, "streams": concurrency // connections}
    load(server.grpc, message, seconds=0.5, **shape)
    wait_until_idle(server.pid)
    before, waits = tree_cpu_s(server.pid), switches(server.pid)
    run = load(server.grpc, message, seconds=seconds, **shape)
    after, more = tree_cpu_s(server.pid), switches(server.pid)
    used = {kind: (after[kind] - before.get(kind, 0.0)) / run.requests * 1e6 for kind in after}
    return {
        "rows/s": run.requests_per_s,
        "p50 ms": run.p50_ms,
        "p99 ms": run.p99_ms,
        "gateway µs": used.get("gateway", 0.0),
        "worker µs": used.get("worker", 0.0),
        "server µs": sum(used.values()),
        "switches": (more - waits) / run.requests,
    }


def measure(options: argparse.Namespace) -> Iterator[tuple[int, list[dict[str, dict[str, float]]]]]:
    """The cells of each concurrency, a repeat an entry."""
    models, message = make(options.model, OUT / "models" / options.model), request(options.model)
    now = Path(__file__).parents[1]
    with (
        version(options.before, models, "before", options.serve) as old,
        version(now, models, "now", [*options.serve, *options.serve_now]) as new,
    ):
        for server in (old, new):
            with grpc.insecure_channel(server.grpc) as channel:
                channel.unary_unary(METHOD)(message, timeout=30)
        for concurrency in options.concurrency:
            yield (
                concurrency,
                [
                    {
                        "before": drive(old, message, concurrency, options.seconds),
                        "now": drive(new, message, concurrency, options.seconds),
                    }
                    for _ in range(options.repeats)
                ],
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a folder with the other version's code")
    parser.add_argument("--model", choices=SHAPES, default="mlp")
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", nargs="*", default=[], help="more arguments for both servers")
    parser.add_argument("--serve-now", nargs="*", default=[], help="more arguments for the second alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for concurrency, repeats in measure(options):
        for name in repeats[0]["now"]:
            before, now = ([repeat[each][name] for repeat in repeats] for each in ("before", "now"))
            ratio = statistics.median(new / old if old else 0.0 for old, new in zip(before, now, strict=True))
            rows.append((concurrency, name, statistics.median(before), statistics.median(now), ratio))
    if options.json:
        print(
            json.dumps(
                [dict(zip(("at once", "what", "before", "now", "ratio"), row, strict=True)) for row in rows]
            )
        )
        return
    cells = [
        [f"{options.model}, {many} at once", name, f"{old:,.2f}", f"{new:,.2f}", f"{ratio:.2f}"]
        for many, name, old, new, ratio in rows
    ]
    print(table(["load", "what", "before", "now", "ratio"], cells))


if __name__ == "__main__":
    main()
