"""What the scheduler itself costs: a request queued, planned and taken, however many wait.

    python bench/scheduler.py [--waiting 1 100 10000] [--models 1 8] [--json]

The queues hold `waiting` one-row requests throughout; batches of 8 are planned and taken, and as many requests
come again. Microseconds a request, the fastest of some runs; and of one that is cancelled in the middle.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from table import table

from horngate.server.costs import Cost, Curve
from horngate.server.worker.queues import Queues

LIMIT = 8
ROUNDS = 2000
RUNS = 5


@dataclass(eq=False, slots=True, kw_only=True)
class Request:
    """See lanes.Queued."""

    handle: str
    arrived_s: float
    rank_s: float
    deadline_s: float
    rows: int = 1
    bytes: int = 3136
    priority: int = 0
    alone: bool = False
    lane: object = None


class Bench:
    """Queues that are kept as full as they are."""

    def __init__(self, waiting: int, models: int) -> None:
        self.queues: Queues[Request] = Queues()
        self._cost = Cost(Curve({1: 1000.0, 64: 10000.0}))
        self._handles = itertools.cycle(f"model {number}" for number in range(models))
        self._now_s = 0.0
        for _ in range(max(waiting, LIMIT * models)):
            self.add()

    def add(self) -> Request:
        """One more."""
        self._now_s += 1e-4
        request = Request(
            handle=next(self._handles),
            arrived_s=self._now_s,
            rank_s=self._now_s,
            deadline_s=self._now_s + 1e6,
        )
        self.queues.add(request.handle, request, shapes=(), outputs=("y",), cost=self._cost, limit=LIMIT)
        return request

    def batch(self) -> int:
        """Plan, take, and let as many come again; how many that were."""
        self.queues.expired(self._now_s)
        decision = self.queues.plan(self._now_s)
        self.queues.begin(decision.batch[0][0].handle, decision)
        for _ in decision.batch:
            self.add()
        return len(decision.batch)

    def cancel(self) -> int:
        """One comes and leaves again; one."""
        request = self.add()
        self.queues.remove(request.handle, request)
        return 1


def fastest_us(act: Callable[[], int]) -> float:
    """Microseconds a request, of the fastest run."""
    found = []
    for _ in range(RUNS):
        begin_s = time.perf_counter()
        count = sum(act() for _ in range(ROUNDS))
        found.append((time.perf_counter() - begin_s) / count)
    return 1e6 * min(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", nargs="+", type=int, default=[1, 100, 10000])
    parser.add_argument("--models", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    options = parser.parse_args()
    found = []
    for models, waiting in itertools.product(options.models, options.waiting):
        bench = Bench(waiting, models)
        found.append((models, waiting, fastest_us(bench.batch), fastest_us(bench.cancel)))
    if options.json:
        names = ("models", "waiting", "request_us", "cancel_us")
        print("\n".join(json.dumps(dict(zip(names, each, strict=True))) for each in found))
        return
    rows = [(f"{each[0]} models", f"{each[1]:,}", f"{each[2]:.1f}", f"{each[3]:.1f}") for each in found]
    print(table(["", "waiting", "µs a request", "µs come and cancelled"], rows))


if __name__ == "__main__":
    main()
