"""Every protocol under NVIDIA's perf_analyzer, against one running server.

    python bench/protocols.py [--only oip] [--seconds 1] [--repeats 3] [--json]

The tiny network (784-128-10) with one row a request, one that does next to nothing with a picture of 602 KB, and a
stateful LSTM for sequences of 10 steps. perf_analyzer
is fetched by `perf_analyzer_setup.py` and shares the machine's cores with the server. Repeats are interleaved, the
figures are medians; ratios are to unary gRPC calls of the Open Inference Protocol at the same concurrency, within
a repeat. CPU is of all of the server's processes over the requests that its own counter shows, which must all be
answered with OK.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from perf_analyzer import Analysis, analyze
from processes import tree, used_cpu_s
from table import table

from horngate.cli.serving import Serving, serving

BENCH = Path(__file__).parent.absolute()
OUT = BENCH / "out" / "protocols"
STEPS = 10
STATEFUL = """
import sys
import keras
from keras import layers
keras.utils.set_random_seed(1)
keras.Sequential([
    keras.Input(batch_shape=(32, 10, 16), name="x"),
    layers.LSTM(32, stateful=True),
    layers.Dense(16, activation="softmax"),
]).save(sys.argv[1])
"""
_GRPC = ("-i", "grpc")
_TFS = (*_GRPC, "--service-kind", "tfserving", "-b", "1")
_SHARED = ("--shared-memory", "system", "--output-shared-memory-size", "4096")
_SEQUENCE = ("--sequence-length", str(STEPS))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kind of load. `against` names the case that it is compared with."""

    name: str
    arguments: Sequence[str]
    model: str = "mlp"
    rows: int = 1
    against: str = ""


def cases() -> Iterator[Case]:
    """What is measured, in the table's order."""
    for many in (1, 8, 32):
        at_once = ("--concurrency-range", str(many))
        unary = f"oip, gRPC, {many} at once"
        yield Case(name=unary, arguments=(*_GRPC, "--async", *at_once), against=unary)
        yield Case(
            name=f"oip, gRPC stream, {many} at once",
            arguments=(*_GRPC, "--async", "--streaming", *at_once),
            against=unary,
        )
        yield Case(
            name=f"oip, gRPC and shared memory, {many} at once",
            arguments=(*_GRPC, "--async", *_SHARED, *at_once),
            against=unary,
        )
        yield Case(name=f"oip, HTTP, {many} at once", arguments=("-i", "http", *at_once), against=unary)
        # perf_analyzer has no asynchronous calls for it.
        yield Case(name=f"tfs, {many} at once", arguments=(*_TFS, *at_once), against=unary)
    yield Case(
        name="oip, HTTP and shared memory, 8 at once",
        arguments=("-i", "http", *_SHARED, "--concurrency-range", "8"),
        against="oip, gRPC, 8 at once",
    )
    yield Case(
        name="oip, gRPC, gzip, 8 rows, 8 at once",
        arguments=(*_GRPC, "-b", "8", "--grpc-compression-algorithm", "gzip", "--concurrency-range", "8"),
        rows=8,
    )
    for many in (1, 8):
        at_once = ("--concurrency-range", str(many))
        message = f"oip, gRPC, 602 KB, {many} at once"
        yield Case(name=message, arguments=(*_GRPC, "--async", *at_once), model="light", against=message)
        yield Case(
            name=f"oip, gRPC and shared memory, 602 KB, {many} at once",
            arguments=(*_GRPC, "--async", *_SHARED, *at_once),
            model="light",
            against=message,
        )
    poisson = ("--request-rate-range", "500", "--request-distribution", "poisson")
    yield Case(name="oip, gRPC, 500 a second", arguments=(*_GRPC, *poisson))
    yield Case(name="oip, gRPC stream, 500 a second", arguments=(*_GRPC, "--async", "--streaming", *poisson))
    yield Case(name="tfs, 500 a second", arguments=(*_TFS, *poisson))
    for many in (4, 32):
        at_once = ("--concurrency-range", str(many))
        yield Case(
            name=f"oip, {many} sequences on a stream",
            arguments=(*_GRPC, "--async", "--streaming", *_SEQUENCE, *at_once),
            model="faq",
        )
    yield Case(
        name="oip, 4 sequences, 200 steps a second",
        arguments=(*_GRPC, "--request-rate-range", "200", "--num-of-sequences", "4", *_SEQUENCE),
        model="faq",
    )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One case in one repeat."""

    analysis: Analysis
    requests_per_s: float
    server_cpu_us: float
    load_cpu_us: float


def measure(wanted: Sequence[Case], seconds: float, repeats: int) -> dict[str, list[Cell]]:
    """Each case's cells, a repeat after the other."""
    models = OUT / "models"
    models.mkdir(parents=True, exist_ok=True)
    programs = {"mlp.h5": ["mlp.py"], "light.keras": ["light.py"], "faq.keras": ["-c", STATEFUL]}
    for name, program in programs.items():
        if not (models / name).exists():
            subprocess.run([sys.executable, *program, models / name], check=True, cwd=BENCH)
    found: dict[str, list[Cell]] = {case.name: [] for case in wanted}
    with serving(models, workspace=OUT, arguments=("--shared-memory",)) as server:
        for _ in range(repeats):
            for case in wanted:
                found[case.name].append(_cell(server, case, seconds))
    return found


def _cell(server: Serving, case: Case, seconds: float) -> Cell:
    address = server.http if "http" in case.arguments else server.grpc
    before, processes = _answered(server), tree(server.pid)
    analysis = analyze(["-m", case.model, "-u", address, *case.arguments], window_s=seconds)
    used, requests = used_cpu_s(processes, tree(server.pid)), _answered(server) - before
    return Cell(
        analysis=analysis,
        requests_per_s=analysis.rows_per_s / case.rows,
        server_cpu_us=used / requests * 1e6,
        load_cpu_us=analysis.cpu_s / requests * 1e6,
    )


def _answered(server: Serving) -> float:
    """Requests that were answered; RuntimeError if one was with anything but OK."""
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    counters = [line for line in lines if line.startswith("horngate_requests_total{")]
    bad = [line for line in counters if 'code="OK"' not in line and float(line.split()[-1])]
    if bad:
        raise RuntimeError(f"not all requests were answered: {bad}")
    return sum(float(line.split()[-1]) for line in counters)


def rows(wanted: Sequence[Case], found: dict[str, list[Cell]]) -> Iterator[list[str]]:
    """The table's rows."""

    def median(name: str, figure: str) -> float:
        return statistics.median(getattr(cell, figure) for cell in found[name])

    for case in wanted:
        ratio = "-"
        if case.against in found:
            pairs = zip(found[case.name], found[case.against], strict=True)
            ratio = (
                f"{statistics.median(one.requests_per_s / other.requests_per_s for one, other in pairs):.2f}"
            )
        analyses = [cell.analysis for cell in found[case.name]]
        yield [
            case.name,
            f"{median(case.name, 'requests_per_s'):,.0f}",
            f"{statistics.median(each.p50_ms for each in analyses):.2f}",
            f"{statistics.median(each.p99_ms for each in analyses):.2f}",
            f"{median(case.name, 'server_cpu_us'):,.0f}",
            f"{median(case.name, 'load_cpu_us'):,.0f}",
            ratio,
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="cases whose names hold this")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each of a case's three windows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    wanted = [case for case in cases() if options.only in case.name]
    found = measure(wanted, options.seconds, options.repeats)
    columns = ("load", "requests/s", "p50 ms", "p99 ms", "server CPU µs", "load's CPU µs", "rate ratio")
    lines = list(rows(wanted, found))
    if options.json:
        print(json.dumps({"rows": [dict(zip(columns, line, strict=True)) for line in lines]}))
        return
    print(table(columns, lines))
    print(f"\nThe machine's load was {os.getloadavg()[0]:.1f} at the end, on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
