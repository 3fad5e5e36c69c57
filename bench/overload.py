"""A server under three times the load that it can take: what it still does, and what becomes of the rest.

    python bench/overload.py [--factor 3] [--seconds 5] [--repeats 3] [--json]

One device with an engine of fixed cost (2 ms a row, batches of 8 rows at most: 500 rows a second, and no core),
and a queue of 64 rows. Its capacity is measured with a closed loop from h2load that the queue holds; then an open
loop sends `factor` times as much, at random moments. Goodput is the requests answered with OK, over capacity.
`bound` is what whoever is admitted waits at the most, by the device's own time: the rows that the queue holds, a
batch that is next and one that runs.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from h2load import load
from open_loop import Outcome, drive, percentile
from table import table
from timed_server import request, timed_server

from horngate.cli.serving import Serving

OUT = Path(__file__).parent / "out" / "overload"
ROW_S = 0.002
BATCH_ROWS = 8
QUEUE_ROWS = 64
BOUND_S = (QUEUE_ROWS + 2 * BATCH_ROWS) * ROW_S
SETTLE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Result:
    """One repeat. Rates are requests a second; latencies milliseconds, of OK answers and of refusals."""

    capacity: float
    offered: float
    goodput: float
    of_capacity: float
    ok_p50_ms: float
    ok_p99_ms: float
    ok_longest_ms: float
    bound_ms: float
    refused_p50_ms: float
    refused_p99_ms: float
    other_codes: int


def measure(server: Serving, factor: float, seconds: float, seed: int) -> Result:
    """Capacity, then the overload."""
    capacity = load(server.grpc, request(), connections=4, streams=10, seconds=seconds).requests_per_s
    outcomes = drive(server.grpc, request(), rate=factor * capacity, seconds=seconds, seed=seed)
    answered = [outcome for outcome in outcomes if outcome.code == "OK"]
    refused = [outcome for outcome in outcomes if outcome.code == "RESOURCE_EXHAUSTED"]
    goodput = _rate(answered, seconds)
    return Result(
        capacity=capacity,
        offered=len(outcomes) / seconds,
        goodput=goodput,
        of_capacity=goodput / capacity,
        ok_p50_ms=1000 * percentile([each.took_s for each in answered], 0.5),
        ok_p99_ms=1000 * percentile([each.took_s for each in answered], 0.99),
        ok_longest_ms=1000 * max(each.took_s for each in answered),
        bound_ms=1000 * BOUND_S,
        refused_p50_ms=1000 * percentile([each.took_s for each in refused], 0.5),
        refused_p99_ms=1000 * percentile([each.took_s for each in refused], 0.99),
        other_codes=len(outcomes) - len(answered) - len(refused),
    )


def _rate(answered: Sequence[Outcome], seconds: float) -> float:
    """Answers a second while the load was on and the queue was as full as it gets."""
    ends = [each.sent_s + each.took_s for each in answered]
    return sum(SETTLE_S <= end < seconds for end in ends) / (seconds - SETTLE_S)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factor", type=float, default=3.0, help="load over capacity")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object a repeat instead of the table")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    config = f"max_rows = {BATCH_ROWS}\n[queue]\nrows = {QUEUE_ROWS}\n"
    with timed_server(OUT, batch_s=0.0, row_s=ROW_S, config=config) as server:
        results = [measure(server, options.factor, options.seconds, seed) for seed in range(options.repeats)]
    if options.json:
        print("\n".join(json.dumps(asdict(result)) for result in results))
        return
    columns = ["repeat", "capacity/s", "offered/s", "goodput", "OK p50 ms", "p99", "longest", "bound"]
    rows = [
        (
            str(number),
            f"{each.capacity:,.0f}",
            f"{each.offered:,.0f}",
            f"{each.of_capacity:.3f}",
            *(
                f"{value:.0f}"
                for value in (each.ok_p50_ms, each.ok_p99_ms, each.ok_longest_ms, each.bound_ms)
            ),
            f"{each.refused_p50_ms:.1f}",
            f"{each.refused_p99_ms:.1f}",
            str(each.other_codes),
        )
        for number, each in enumerate(results, 1)
    ]
    print(table([*columns, "refused p50 ms", "p99", "other codes"], rows))


if __name__ == "__main__":
    main()
