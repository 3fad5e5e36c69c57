"""One visit to one server: started, loaded in closed loops and an open one, ended. Cells are kept as they come."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from contenders import Contender
from environments import Unusable
from h2load import Load, NoAnswer, closed_loop, open_loop
from ideal import tail_alone
from processes import machine_cpu_s, used_cpu_s, wait_until_rest
from running import descendants, memory_mb

from horngate.server.settings import available_cores

CONNECTIONS = 4
OPEN_SHARE, OPEN_REQUESTS = 0.7, 300
"""Of fewer requests the slowest hundredth is one or two."""
REST_LIMIT_S = 5.0
WARM_UPS_S = (0.7, 3.0, 15.0)
ROUNDS = 2
"""A load lasts until each of the requests under way is answered about so many times."""

CLOSED, OPEN, FAILED, ENDED = "closed", "open", "failed", "ended"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Whom, in which comparison; `number` is its place in the order of all visits to a network."""

    network: str
    group: str
    server: str
    engine: str
    repeat: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One load in one visit. `cold` is a start from nothing kept; shares are of all cores' time.

    An open loop's `ideal_tail` is p99 / p50 of an ideal queue with the same calls, each as long as this server's
    best rate allows.
    """

    visit: Visit
    loop: str
    concurrency: int = 0
    requests_per_s: float = 0.0
    p50_ms: float = 0.0
    p90_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    ideal_tail: float = 0.0
    server_cpu_us: float = 0.0
    load_cpu_share: float = 0.0
    others_cpu_share: float = 0.0
    start_s: float = 0.0
    cold: bool = False
    memory_mb: float = 0.0
    failure: str = ""


def measured(
    contender: Contender, visit: Visit, concurrency: Sequence[int], seconds: float, cold: bool
) -> Iterator[Cell]:
    """All cells of a visit; one that says why if the server cannot be had or fails under load."""
    try:
        with contender.start() as server:
            started = {"visit": visit, "start_s": server.start_s, "cold": cold}
            best = 0.0
            for many in concurrency:
                load = partial(closed_loop, server.post, **_shape(many))
                rounds_s = ROUNDS * many / _warmed_up(load)
                figures = _figures(partial(load, seconds=max(seconds, rounds_s)))
                best = max(best, figures["requests_per_s"])
                yield Cell(loop=CLOSED, concurrency=many, **started, **figures)
            rate = best * OPEN_SHARE
            load = partial(open_loop, server.post, rate=rate, seconds=max(seconds, OPEN_REQUESTS / rate))
            figures = _figures(load, best)
            yield Cell(loop=OPEN, **started, **figures)
    except (Unusable, RuntimeError) as error:
        yield Cell(visit=visit, loop=FAILED, failure=str(error).splitlines()[0])


def _warmed_up(load: Callable[..., Load]) -> float:
    """Requests a second of a short load, of a longer one where that has no answer."""
    for seconds in WARM_UPS_S:
        try:
            return load(seconds=seconds).requests_per_s
        except NoAnswer as error:
            last = error
    raise last


def read(path: Path) -> list[Cell]:
    """The cells kept in a file, in their order."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [json.loads(line) for line in lines]
    return [Cell(**{**one, "visit": Visit(**one["visit"])}) for one in kept]


def keep(path: Path, cell: Cell) -> None:
    """Add one."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(cell)) + "\n")


def _shape(concurrency: int) -> dict[str, int]:
    connections = min(CONNECTIONS, concurrency)
    return {"connections": connections, "streams": concurrency // connections}


def _figures(load: Callable[[], Load], best: float = math.inf) -> dict[str, float]:
    """Run it on a server that has come to rest: what h2load cancelled before may still be computed."""
    wait_until_rest(lambda: sum(descendants().values()), REST_LIMIT_S)
    before, busy = descendants(), machine_cpu_s()
    run = load()
    used, busy = used_cpu_s(before, descendants()), machine_cpu_s() - busy
    cores_s = run.seconds * available_cores()
    return {
        "requests_per_s": run.requests_per_s,
        **{name: getattr(run, name) for name in ("p50_ms", "p90_ms", "p99_ms", "p999_ms")},
        "ideal_tail": tail_alone(run.sent_s, 1 / best),
        "server_cpu_us": used / run.requests * 1e6,
        "load_cpu_share": run.cpu_s / cores_s,
        "others_cpu_share": max(0.0, busy - used - run.cpu_s) / cores_s,
        "memory_mb": memory_mb(),
    }
