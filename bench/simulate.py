"""Does the simulator foretell what a server does? The same arrivals to both, and their figures side by side.

    python bench/simulate.py [--loads 0.3 0.6 0.9] [--devices 1 2] [--seconds 8] [--model mobilenet_v2] [--json]

The server runs an engine of fixed cost (4 ms a batch and 1 ms a row), or with `--model` a network of the zoo as it
is; an open loop sends it one-row requests at random moments, at a share of what its devices can do. Then
`horngate.server.simulate` is given the moments at which they were really sent, the cost curve (the engine's own, or
what the server measured when it loaded the network) and what a request costs besides, which is the median of calls
to the idle server less their compute time. Ratios are of the simulator's figures to the server's. `batch` is what
batches took, over the curve: where others use the machine they take longer, and the simulator is given that too.
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from messages import infer_message
from open_loop import Outcome, drive
from table import table
from timed_server import MODEL, request, timed_server

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from horngate.server.costs import Curve
from horngate.server.simulate.arrivals import Arrival
from horngate.server.simulate.figures import Figures, percentiles
from horngate.server.simulate.world import Site, World

OUT = Path(__file__).parent / "out" / "simulate"
BATCH_S, ROW_S, MAX_ROWS = 0.004, 0.001, 16
IDLE_CALLS = 60


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A server that runs, a request for it, and what is known of its devices."""

    server: Serving
    message: bytes
    rates: Mapping[int, float]
    limit: int
    request_s: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One load on so many devices; each pair is the server's figure and the simulator's."""

    devices: int
    load: float
    batch: float
    rows_per_s: tuple[float, float]
    p50_ms: tuple[float, float]
    p99_ms: tuple[float, float]


def compare(subject: Subject, devices: int, share: float, seconds: float) -> Compared:
    """Drive the server, then the simulator with the very arrivals."""
    site = Site(devices=devices, curve=Curve(subject.rates), limit=subject.limit, request_s=subject.request_s)
    rate = share * site.capacity_rows_per_s
    before = _batches(subject.server)
    outcomes = drive(subject.server.grpc, subject.message, rate=rate, seconds=seconds)
    failed = [outcome for outcome in outcomes if outcome.code != "OK"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(outcomes)} calls failed, the first with {failed[0].code}")
    count, rows, took_s = (now - then for now, then in zip(_batches(subject.server), before, strict=True))
    slower = took_s / count / site.curve.seconds(round(rows / count))
    curve = Curve({rows: rate / slower for rows, rate in subject.rates.items()})
    foretold = World(replace(site, curve=curve)).run(Arrival(at_s=each.sent_s) for each in sorted(outcomes))
    return _compared(devices, share, slower, outcomes, foretold)


def _batches(server: Serving) -> tuple[float, float, float]:
    """Batches that have run, their rows and their seconds, by the server's metrics."""
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    names = ("horngate_batch_rows_count", "horngate_batch_rows_sum", "horngate_compute_duration_seconds_sum")
    count, rows, took_s = (
        sum(float(value) for value in re.findall(rf"^{name}{{.*}} (\S+)", text, re.MULTILINE))
        for name in names
    )
    return count, rows, took_s


def _compared(
    devices: int, share: float, slower: float, outcomes: Sequence[Outcome], foretold: Figures
) -> Compared:
    end_s = max(each.sent_s + each.took_s for each in outcomes)
    p50_s, _, p99_s, _ = percentiles([each.took_s for each in outcomes])
    return Compared(
        devices=devices,
        load=share,
        batch=slower,
        rows_per_s=(len(outcomes) / end_s, foretold.rows_per_s),
        p50_ms=(1000 * p50_s, 1000 * foretold.latencies_s[0]),
        p99_ms=(1000 * p99_s, 1000 * foretold.latencies_s[2]),
    )


@contextmanager
def timed(devices: int) -> Iterator[Subject]:
    """The engine of fixed cost."""
    workspace = OUT / f"timed-{devices}"
    workspace.mkdir(parents=True, exist_ok=True)
    names = ",".join(f"cpu:{index}" for index in range(devices))
    config = f"max_rows = {MAX_ROWS}\n"
    rates = {rows: rows / (BATCH_S + rows * ROW_S) for rows in (1, 2, 4, 8, 16)}
    with timed_server(
        workspace, batch_s=BATCH_S, row_s=ROW_S, config=config, arguments=("--devices", names)
    ) as server:
        array = np.zeros((1, 784), np.float32)
        request_s = _besides(server, MODEL, array)
        yield Subject(
            server=server, message=request(), rates=rates, limit=_limit(workspace), request_s=request_s
        )


@contextmanager
def real(name: str) -> Iterator[Subject]:
    """A network of the zoo, random weights, on one device."""
    workspace = OUT / name
    (workspace / "models").mkdir(parents=True, exist_ok=True)
    arguments = ("--zoo", name, "--zoo-weights", "none")
    with serving(workspace / "models", workspace=workspace, arguments=arguments) as server:
        with Client(server.grpc) as client:
            [spec] = client.describe(name).inputs
        array = np.random.default_rng(0).random((1, *(size or 1 for size in spec.shape[1:])), np.float32)
        message = infer_message(name, spec.name, array)
        request_s = _besides(server, name, array)
        rates = _calibration(workspace)
        yield Subject(
            server=server, message=message, rates=rates, limit=_limit(workspace), request_s=request_s
        )


def _besides(server: Serving, name: str, array: np.ndarray) -> float:
    """What a request to an idle server costs beyond its compute time."""
    found = []
    with Client(server.grpc) as client:
        client.predict(name, array)
        for _ in range(IDLE_CALLS):
            begin_s = time.perf_counter()
            _, timings = client.predict_timed(name, array)
            found.append(time.perf_counter() - begin_s - timings.compute_s)
    return statistics.median(found)


def _calibration(workspace: Path) -> Mapping[int, float]:
    [file] = (workspace / "cache").rglob("calibration-*.json")
    return {int(rows): rate for rows, rate in json.loads(file.read_text())["curve"].items()}


def _limit(workspace: Path) -> int:
    """The batch that the server dispatches, as its log says."""
    lines = (
        json.loads(line) for line in (workspace / "serve.log").read_text().splitlines() if line[:1] == "{"
    )
    [limit] = {line["dispatch_rows"] for line in lines if line.get("event") == "serving"}
    return int(limit)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loads", nargs="+", type=float, default=[0.3, 0.6, 0.9])
    parser.add_argument("--devices", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    parser.add_argument(
        "--model", help="a network of the zoo in place of the engine of fixed cost; one device"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a load instead of the table")
    options = parser.parse_args()
    found = []
    for devices in [1] if options.model else options.devices:
        with real(options.model) if options.model else timed(devices) as subject:
            found += [compare(subject, devices, share, options.seconds) for share in options.loads]
    if options.json:
        print("\n".join(json.dumps(asdict(each)) for each in found))
        return
    columns = ["devices, load", "batch"]
    for figure in ("rows/s", "p50 ms", "p99 ms"):
        columns += [figure, "foretold", "ratio"]
    print(table(columns, map(_row, found)))


def _row(each: Compared) -> list[str]:
    cells = [f"{each.devices}, {each.load:.0%}", f"{each.batch:.2f}"]
    for real_one, foretold in (each.rows_per_s, each.p50_ms, each.p99_ms):
        cells += [f"{real_one:,.1f}", f"{foretold:,.1f}", f"{foretold / real_one:.2f}"]
    return cells


if __name__ == "__main__":
    main()
