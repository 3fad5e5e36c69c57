"""Horngate against servers that others make, in one run: `python bench/peers [--seconds 3] [--only mlp]`.

Each peer that a registry here has is installed into an environment of its own and serves the same Keras file in the
way its documentation shows (`predict`), faster than that (`tf.function`), and the same network on ONNX Runtime as
`horngate export` writes it. One server runs at a time, and Horngate before and after every two others; h2load sends
rows of one, in closed loops of several sizes and an open one at 70% of what those reached. Cells are added to
`peers.jsonl` as they come: a run that was stopped is gone on with by the same command, `--again` begins anew.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from catalogue import KERAS_WAYS, ONNX_RUNTIME
from comparison import Standing, standings
from measuring import Cell, read
from picture import draw
from plan import ALONE
from rounds import rounds
from running import adopt_orphans
from table import table

OUT = Path(__file__).parents[1] / "out" / "peers"
NETWORKS = ("mlp", "mobilenet_v2", "resnet50")


def main() -> None:
    """Visit who has not been visited, then tell and draw."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we end our servers
    adopt_orphans()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "peers.jsonl"
    if options.again:
        kept.unlink(missing_ok=True)
    if not options.table:
        for name in options.only:
            for line in rounds(name, kept, options):
                print(line, flush=True, file=sys.stderr)
    found = list(standings(read(kept)))
    summary = options.out / "peers.json"
    summary.write_text(json.dumps([asdict(one) for one in found], indent=1))
    draw(found, options.out / "peers.png")
    if options.json:
        print(summary.read_text())
    else:
        _tell(found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = (ONNX_RUNTIME, *KERAS_WAYS)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS, help="networks")
    parser.add_argument("--peers", nargs="+", default=[], help="parts of names; default: all")
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways, help="what the peers compute with")
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 8, 32, 128])
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each cell")
    parser.add_argument("--repeats", type=int, default=2, help="rounds through all")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds, at most, to wait for an idle machine"
    )
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    parser.add_argument("--table", action="store_true", help="measure nothing, tell what is kept")
    parser.add_argument("--out", type=Path, default=OUT, help="default: bench/out/peers")
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path(os.environ.get("HORNGATE_PEERS", OUT / "envs")),
        help="the peers' own; default: HORNGATE_PEERS, or envs in bench/out/peers",
    )
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the tables")
    return parser.parse_args()


def _tell(found: Sequence[Standing]) -> None:
    for group in dict.fromkeys((one.network, one.group) for one in found):
        measured = [one for one in found if (one.network, one.group) == group and one.closed]
        these = [one for one in measured if one.server != ALONE]
        many = sorted({many for one in these for many in one.rates})
        columns = [", ".join(group), *(f"{one} at once" for one in many), *COLUMNS]
        print(table(columns, [_row(one, many) for one in these]))
        for one in measured:
            if one.server == ALONE:
                print(f"\n{one.server}, on {one.engine}: {_rows_by_batch(one)}")
        print()
    for one in found:
        if one.failure:
            print(f"{one.network}, {one.server} on {one.engine}: {one.failure}")


COLUMNS = (
    "of Horngate's",
    "its CPU",
    "p50 ms",
    "p99",
    "p99.9",
    "server CPU µs",
    "open p50 ms",
    "p99",
    "p99.9",
    "p99/p50",
    "ideal",
    "memory MB",
    "cold start s",
    "warm",
)


def _rows_by_batch(alone: Standing) -> str:
    rates = ", ".join(f"{rate:,.0f} in batches of {rows}" for rows, rate in alone.rates.items())
    return f"{rates} rows a second"


def _row(one: Standing, many: Sequence[int]) -> list[str]:
    """Latencies and CPU are those of the concurrency with the highest rate."""
    best = one.closed
    assert best
    rates = [f"{one.rates[each]:,.0f}" if each in one.rates else "-" for each in many]
    ratios = [f"{1 / one.ratio:.2f}", f"{one.cpu_ratio:.2f}"]
    starts = [f"{seconds:.1f}" if seconds else "-" for seconds in (one.cold_s, one.warm_s)]
    closed = [*_waits(best), f"{best.server_cpu_us:,.0f}"]
    ideal = one.opened.ideal_tail if one.opened else 0.0
    opened = [*_waits(one.opened), f"{one.p99_over_p50:.1f}", f"{ideal:.1f}" if ideal else "-"]
    rest = [f"{one.memory_mb:,.0f}", *starts]
    return [f"{one.server}, {one.engine}", *rates, *ratios, *closed, *opened, *rest]


def _waits(load: Cell | None) -> list[str]:
    waits_ms = [] if load is None else [load.p50_ms, load.p99_ms, load.p999_ms]
    return [f"{wait_ms:,.1f}" for wait_ms in waits_ms] or ["-"] * 3


if __name__ == "__main__":
    main()
