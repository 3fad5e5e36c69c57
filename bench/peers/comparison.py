"""What the cells come to: each server's figures, and Horngate's over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from contenders import HORNGATE
from measuring import CLOSED, FAILED, OPEN, Cell
from plan import REFERENCES


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One server on one engine, in one comparison; medians over its visits, 0 where nothing was measured.

    `rates` is requests a second by concurrency, `closed` the loop of the highest, `opened` the open one. `ratio` is
    Horngate's best rate, in the visits just before and after, over this server's best; `cpu_ratio` this server's
    CPU time a request over Horngate's, each at its best.
    """

    network: str
    group: str
    server: str
    engine: str
    rates: dict[int, float]
    closed: Cell | None
    opened: Cell | None
    p99_over_p50: float
    cold_s: float
    warm_s: float
    memory_mb: float
    ratio: float
    cpu_ratio: float
    failure: str


def standings(cells: Sequence[Cell]) -> Iterator[Standing]:
    """All of them, in the order in which they were first visited."""
    visits = dict.fromkeys((c.visit.network, c.visit.group, c.visit.server, c.visit.engine) for c in cells)
    for network, group, server, engine in visits:
        beside = [c for c in cells if c.visit.network == network and c.visit.group == group]
        mine = [c for c in beside if c.visit.server == server and c.visit.engine == engine]
        reference = (HORNGATE, REFERENCES[group])
        horngate = [c for c in beside if (c.visit.server, c.visit.engine) == reference]
        yield _standing(mine, [] if (server, engine) == reference else horngate)


def at(cells: Sequence[Cell], concurrency: int) -> Cell | None:
    """The cell of the median rate at that concurrency."""
    found = sorted((c for c in cells if c.concurrency == concurrency), key=lambda c: c.requests_per_s)
    return found[len(found) // 2] if found else None


def _standing(mine: Sequence[Cell], horngate: Sequence[Cell]) -> Standing:
    first, loaded = mine[0].visit, [c for c in mine if c.loop == CLOSED]
    opened = sorted((c for c in mine if c.loop == OPEN), key=lambda c: c.p99_ms / c.p50_ms)
    tails = [c.p99_ms / c.p50_ms for c in opened]
    beside = list(_ratios(loaded, horngate))
    peak = busiest(loaded)
    return Standing(
        network=first.network,
        group=first.group,
        server=first.server,
        engine=first.engine,
        rates={
            many: median(c.requests_per_s for c in loaded if c.concurrency == many)
            for many in sorted({c.concurrency for c in loaded})
        },
        closed=at(loaded, peak.concurrency) if peak else None,
        opened=opened[len(opened) // 2] if opened else None,
        p99_over_p50=median(tails) if tails else 0.0,
        cold_s=next((c.start_s for c in loaded if c.cold), 0.0),
        warm_s=median([c.start_s for c in loaded if not c.cold] or [0.0]),
        memory_mb=median([c.memory_mb for c in loaded] or [0.0]),
        ratio=median([rate for rate, _ in beside] or [1.0]),
        cpu_ratio=median([cpu for _, cpu in beside] or [1.0]),
        failure="" if loaded else next((c.failure for c in mine if c.loop == FAILED), ""),
    )


def _ratios(mine: Sequence[Cell], horngate: Sequence[Cell]) -> Iterator[tuple[float, float]]:
    """For each visit: rates and CPU against Horngate's visits just before and after it."""
    for number in sorted({c.visit.number for c in mine}):
        before = max((c.visit.number for c in horngate if c.visit.number < number), default=None)
        after = min((c.visit.number for c in horngate if c.visit.number > number), default=None)
        own = busiest(_visited(mine, number))
        for near in (before, after):
            other = busiest(_visited(horngate, near)) if near is not None else None
            if own and other:
                yield other.requests_per_s / own.requests_per_s, own.server_cpu_us / other.server_cpu_us


def busiest(cells: Sequence[Cell]) -> Cell | None:
    """The one with the most requests a second."""
    loaded = [c for c in cells if c.loop == CLOSED]
    return max(loaded, key=lambda c: c.requests_per_s, default=None)


def _visited(cells: Sequence[Cell], number: int) -> list[Cell]:
    return [c for c in cells if c.visit.number == number]
