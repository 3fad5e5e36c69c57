"""The floor under p99 / p50: what a queue without any cost of its own gives, in an open loop at 70% of its rate.

    python bench/ideal.py [--share 0.7] [--curve 1:160,4:197,8:220] [--requests 10000] [--seeds 30] [--json]

One device, first come first served. *singly*: each request by itself, all equally long, which is M/D/1 where calls
come at random moments. *in batches*: what waits goes together, by the server's own scheduler in `horngate bench
simulate`, at the rates of `--curve` (default: MobileNetV2 on ONNX Runtime, see README.md). Calls come at random
moments, or as in `bench/peers`, from 8 connections that send evenly, each from a moment of its own: then the ratio
is a matter of those eight moments, so that it is told for many draws of them.
"""

import argparse
import json
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from h2load import OPEN_CONNECTIONS
from open_loop import arrivals, percentile
from table import table

from horngate.server.simulate.arrivals import Arrival
from horngate.server.simulate.command import read_curve
from horngate.server.simulate.world import Site, World

AIM = 2.0
MOBILENET_V2 = "1:160,4:197,8:220,16:189,32:175"


@dataclass(frozen=True, kw_only=True)
class Floor:
    """p99 / p50 over draws of the moments at which calls come; `reached` is the share of draws with 2 or less."""

    server: str
    calls: str
    least: float
    median: float
    most: float
    reached: float


def tail_alone(arrivals_s: Sequence[float], each_s: float) -> float:
    """p99 / p50 of requests that come then and take so long each, one after the other; 0 if none comes."""
    free_s, waits_s = 0.0, []
    for at_s in sorted(arrivals_s):
        free_s = max(free_s, at_s) + each_s
        waits_s.append(free_s - at_s)
    return _tail(waits_s)


def tail_in_batches(arrivals_s: Sequence[float], curve: str) -> float:
    """The same of a device that takes in one batch what waits, up to the size that is fastest."""
    found = World(site_of(curve)).run(Arrival(at_s=at_s) for at_s in sorted(arrivals_s))
    half_s, _, most_s, _ = found.latencies_s
    return most_s / half_s


def site_of(curve: str) -> Site:
    """One device that does what the curve says."""
    read, best = read_curve(curve)
    return Site(devices=1, curve=read, limit=best)


def evenly(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Connections that send evenly, each from a moment of its own."""
    generator, period_s = random.Random(seed), OPEN_CONNECTIONS / rate
    for _ in range(OPEN_CONNECTIONS):
        phase_s = generator.uniform(0, period_s)
        yield from (phase_s + turn * period_s for turn in range(int(seconds / period_s)))


def measure(options: argparse.Namespace) -> Iterator[Floor]:
    """Each server under each kind of calls."""
    batches_rate = site_of(options.curve).capacity_rows_per_s
    servers: list[tuple[str, float, Callable[[Sequence[float]], float]]] = [
        ("singly", 1.0, lambda moments: tail_alone(moments, 1.0)),
        ("in batches", batches_rate, lambda moments: tail_in_batches(moments, options.curve)),
    ]
    for server, rate, tail in servers:
        for calls, come in (("at random moments", arrivals), (f"evenly, {OPEN_CONNECTIONS} times", evenly)):
            offered = rate * options.share
            ratios = [
                tail(list(come(offered, options.requests / offered, seed))) for seed in range(options.seeds)
            ]
            yield Floor(
                server=server,
                calls=calls,
                least=min(ratios),
                median=statistics.median(ratios),
                most=max(ratios),
                reached=sum(ratio <= AIM for ratio in ratios) / len(ratios),
            )


def _tail(waits_s: Sequence[float]) -> float:
    half_s = percentile(waits_s, 0.5)
    return percentile(waits_s, 0.99) / half_s if half_s else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.7, help="of the rate that the server reaches")
    parser.add_argument("--curve", default=MOBILENET_V2, help="rows:rows a second, as in 1:160,4:197")
    parser.add_argument("--requests", type=int, default=10000, help="a draw")
    parser.add_argument("--seeds", type=int, default=30, help="draws")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the table")
    options = parser.parse_args()
    found = list(measure(options))
    if options.json:
        print(json.dumps([asdict(each) for each in found]))
        return
    rows = [
        (f.server, f.calls, f"{f.least:.2f}", f"{f.median:.2f}", f"{f.most:.2f}", f"{f.reached:.0%}")
        for f in found
    ]
    print(table(["requests run", "calls come", "p99/p50, least", "median", "most", "2 or less"], rows))


if __name__ == "__main__":
    main()
