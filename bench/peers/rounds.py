"""Rounds of visits to one network's servers; what an earlier run did is not done again."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from catalogue import PEERS
from contenders import BFLOAT16, HORNGATE, Contender
from engine_alone import Rate, Settings, in_fresh_process
from measuring import CLOSED, ENDED, OPEN, Cell, Visit, keep, measured, read
from networks import Network, network
from plan import ALONE, Stop, stops
from processes import wait_until_quiet

from horngate.server.settings import available_cores

LAST = (OPEN, ENDED)
"""Loops that a whole visit ends with: one that failed is tried again."""
TINY_BATCHES, IMAGE_BATCHES = (1, 64, 256, 1024), (1, 4, 8, 16, 32)


def rounds(name: str, kept: Path, options: argparse.Namespace) -> Iterator[str]:
    """Make them, and tell each visit and cell as it comes."""
    made = network(name, options.out / "networks")
    made.make()
    precisions = () if name == "mlp" else (BFLOAT16,)
    for repeat in range(options.repeats):
        before = [cell for cell in read(kept) if cell.visit.network == name]
        done = {_stop(cell) for cell in before if cell.visit.repeat == repeat and cell.loop in LAST}
        first = max((cell.visit.number + 1 for cell in before), default=0)
        for number, stop in enumerate(stops(options.peers, options.ways, done, precisions), first):
            visit = Visit(
                network=name,
                group=stop.group,
                server=stop.server,
                engine=stop.engine,
                repeat=repeat,
                number=number,
            )
            yield f"{name}, round {repeat + 1}: {stop.server} on {stop.engine}"
            wait_until_quiet(options.wait)
            for cell in _cells(made, visit, kept, options):
                keep(kept, cell)
                yield f"  {_line(cell)}"


def _stop(cell: Cell) -> Stop:
    return Stop(cell.visit.group, cell.visit.server, cell.visit.engine)


def _cells(made: Network, visit: Visit, kept: Path, options: argparse.Namespace) -> Iterator[Cell]:
    peer = next((one for one in PEERS if one.name == visit.server), None)
    environments = options.environments.absolute()
    contender = Contender(
        network=made, engine=visit.engine, out=options.out, environments=environments, peer=peer
    )
    if visit.server == ALONE:
        return _alone(contender, visit, options.seconds)
    key = (visit.network, visit.server, visit.engine)
    cold = not any((one.visit.network, one.visit.server, one.visit.engine) == key for one in read(kept))
    if cold and visit.server == HORNGATE:
        shutil.rmtree(contender.cache, ignore_errors=True)
    return measured(contender, visit, options.concurrency, options.seconds, cold)


def _alone(contender: Contender, visit: Visit, seconds: float) -> Iterator[Cell]:
    """The engine on what Horngate built, in a process: each batch size at the better number of threads."""
    [folder] = {path.parent for path in contender.cache.rglob("spec.json")}
    batches = TINY_BATCHES if visit.network == "mlp" else IMAGE_BATCHES
    threads = sorted({1, available_cores()})
    settings = Settings(engines=[visit.engine], threads=threads, rows=batches, seconds=seconds / 4)
    best: dict[int, Rate] = {}
    for rate in sorted(in_fresh_process(folder, settings), key=lambda rate: rate.rows_per_s):
        best[rate.rows] = rate
    for rows in batches:
        figures = {"requests_per_s": best[rows].rows_per_s, "server_cpu_us": best[rows].cpu_us}
        took_ms = rows / best[rows].rows_per_s * 1000
        yield Cell(visit=visit, loop=CLOSED, concurrency=rows, p50_ms=took_ms, **figures)
    yield Cell(visit=visit, loop=ENDED)


def _line(cell: Cell) -> str:
    if cell.failure:
        return f"{cell.loop}: {cell.failure}"
    load = f"{cell.loop}, {cell.concurrency} at once" if cell.concurrency else cell.loop
    waits = f"p50 {cell.p50_ms:.1f} ms, p99 {cell.p99_ms:.1f} ms"
    cpu = f"{cell.server_cpu_us:,.0f} µs of CPU, others {cell.others_cpu_share:.0%}"
    return f"{load}: {cell.requests_per_s:,.0f}/s, {waits}, {cpu}"
