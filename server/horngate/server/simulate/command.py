"""`horngate bench simulate`: how a load would fare on more devices than there are."""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from horngate.contract.errors import InvalidRequest
from horngate.server.costs import GOOD_ENOUGH, Curve
from horngate.server.settings import QueueSettings, seconds
from horngate.server.simulate.arrivals import Arrival, read_load, read_trace
from horngate.server.simulate.figures import SHARES, Figures
from horngate.server.simulate.world import Site, World

HELP = "simulate the scheduler under a load, on 1 to 64 devices"
DESCRIPTION = """Simulate the server's own scheduler under a load.

--curve is what a device does: pairs of batch size and rows a second, or the calibration-*.json that a server
wrote into a model's artifact. --arrivals is poisson:RATE, bursts:RATE:SIZE (requests a second; with an x, as in
0.8x, rows over what the devices can do) or a file of JSON lines: {"at_s": 0.5, "rows": 1}.

examples:
  horngate bench simulate --curve 1:218,2:260,4:331 --arrivals poisson:0.8x
  horngate bench simulate --curve 1:218,2:260,4:331 --arrivals poisson:1000 --devices 2,4,8 --queue-rows 64
  horngate bench simulate --curve ~/.cache/horngate/…/calibration-….json --arrivals monday.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `horngate bench simulate`."""
    parser.description = DESCRIPTION
    option = parser.add_argument
    option("--curve", required=True, metavar="CURVE", help="1:218,4:331 or a calibration's file")
    option("--arrivals", required=True, metavar="LOAD", help="poisson:RATE, bursts:RATE:SIZE or a file")
    option("--devices", default="1,2,4,8,16,32,64", help="numbers of devices (default: %(default)s)")
    option("--rows", type=int, default=1, help="rows a request of a synthetic load (default: %(default)s)")
    option("--requests", type=int, default=20000, help="of a synthetic load (default: %(default)s)")
    option("--max-rows", type=int, metavar="N", help="largest batch (default: the curve's best)")
    option("--max-delay", default="0s", metavar="TIME", help='as in "5ms" (default: %(default)s)')
    option("--queue-rows", type=int, metavar="N", help="rows that may wait on a device")
    option("--batch-overhead", default="0s", metavar="TIME", help="of the server, a batch")
    option("--request-overhead", default="0s", metavar="TIME", help="of network and gateway, a request")
    option("--one-queue", action="store_true", help="all devices on one queue: an ideal to compare with")
    option("--seed", type=int, default=0)
    option("--json", action="store_true", help="one JSON object a line instead of the table")


def run(args: argparse.Namespace) -> int:
    """Simulate each number of devices; 0."""
    found = simulate(args)
    print("\n".join(_json(each) for each in found) if args.json else _table(found))
    return 0


def simulate(args: argparse.Namespace) -> list[Figures]:
    """What comes of each number of devices."""
    curve, best = read_curve(args.curve)
    found = []
    for devices in _counts(args.devices):
        site = Site(
            devices=devices,
            curve=curve,
            limit=args.max_rows or best,
            queue=QueueSettings(max_delay_s=seconds(args.max_delay), rows=args.queue_rows),
            one_queue=args.one_queue,
            batch_s=seconds(args.batch_overhead),
            request_s=seconds(args.request_overhead),
        )
        found.append(World(site).run(_arrivals(args, site)))
    return found


def read_curve(text: str) -> tuple[Curve, int]:
    """A curve from its pairs or its file, and the smallest batch that is nearly as fast as the best."""
    path = Path(text).expanduser()
    try:
        if path.is_file():
            rates = {int(rows): float(rate) for rows, rate in json.loads(path.read_text())["curve"].items()}
        else:
            rates = {int(rows): float(rate) for rows, rate in (pair.split(":") for pair in text.split(","))}
        if min(rates) < 1 or min(rates.values()) <= 0:
            raise ValueError(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidRequest(
            f"curve: received {text!r}; expected rows:rows a second, as in 1:218,4:331, or a calibration's file"
        ) from None
    best = max(rates.values())
    return Curve(rates), min(rows for rows, rate in rates.items() if rate >= GOOD_ENOUGH * best)


def _arrivals(args: argparse.Namespace, site: Site) -> Iterable[Arrival]:
    path = Path(args.arrivals)
    if path.is_file():
        return read_trace(path)
    load = read_load(args.arrivals, args.rows)
    return load.arrivals(args.requests, site.capacity_rows_per_s, args.seed)


def _counts(text: str) -> list[int]:
    try:
        counts = [int(number) for number in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InvalidRequest(f"devices: received {text!r}; expected numbers from 1 on, as in 1,2,4")
    return counts


def _json(figures: Figures) -> str:
    latencies = {
        f"p{share * 100:g}_ms": each * 1000 for share, each in zip(SHARES, figures.latencies_s, strict=True)
    }
    fields = {name: value for name, value in asdict(figures).items() if name != "latencies_s"}
    return json.dumps(fields | latencies)


def _table(found: Sequence[Figures]) -> str:
    names = [f"p{share * 100:g} ms" for share in SHARES]
    lines = [("devices", "rows/s", *names, "rows a batch", "busy", "refused", "expired")]
    for each in found:
        latencies = (f"{latency * 1000:,.1f}" for latency in each.latencies_s)
        shares = (f"{share:.1%}" for share in (each.utilisation, each.refused, each.expired))
        lines.append(
            (str(each.devices), f"{each.rows_per_s:,.0f}", *latencies, f"{each.batch_rows:.1f}", *shares)
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
