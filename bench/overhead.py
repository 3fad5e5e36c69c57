"""What serving costs: the engine alone in process against the whole server at saturation, in one run.

    python bench/overhead.py [--models mlp mobilenet_v2 resnet50] [--seconds 5] [--json]

For each network (random weights) the server is started on it, then, on the same cores:

1. the engines alone (`engine_alone.py`): each engine, thread count and batch size; the best is the reference.
   They are set as engines are by themselves, all threads on each layer; what they do with batches in parts, as the
   server may run them, is told beside it;
2. the server under a closed loop of one-row requests from h2load, at several concurrencies;
3. the reference again: machines drift, and the mean of both is what the server is compared with.

h2load takes CPU that the engine could have had, so two ratios are given: `raw`, and `fair`: to the reference
on the share of the cores' time that h2load left over. `others` is what neither server nor h2load used of it:
where that is not near 0, the machine was not ours and the row says little. One call of a real client comes
first, and the server's own counter must show no error after. CPU a request is that of all its processes.
"""

import argparse
import json
import re
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import grpc
import numpy as np
from engine_alone import Rate, Settings, in_fresh_process
from h2load import load
from made import made
from messages import infer_message
from processes import machine_cpu_s, tree_cpu_s, wait_until_idle, wait_until_quiet
from table import table
from yardstick import factor

from horngate.cli.serving import Serving, serving
from horngate.oip.messages import SERVICE
from horngate.server.artifact import Artifact
from horngate.server.settings import available_cores

OUT = Path(__file__).parent / "out" / "overhead"
BATCHES = {"mlp": (1, 64, 256, 1024)}
IMAGE_BATCHES = (1, 4, 8, 16, 32)
CONNECTIONS = 4
LEAST_ROWS = 600
"""A load lasts as long as the engine alone takes for so many: the batches under way at its end do not count."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One network at one concurrency. Ratios are to the engine alone; CPU is in µs a request.

    `machine` is the factor of `yardstick.py`, measured beside the tiny network.
    """

    model: str
    alone: str
    alone_rows_per_s: float
    apart: str
    apart_rows_per_s: float
    alone_cpu_us: float
    concurrency: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    raw_ratio: float
    fair_ratio: float
    load_cpu_share: float
    others_cpu_share: float
    gateway_cpu_us: float
    worker_cpu_us: float
    server_cpu_us: float
    machine: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one h2load run showed, before anything is compared."""

    concurrency: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    load_cpu_share: float
    others_cpu_share: float
    cpu_us: dict[str, float]


def measure(model: str, options: argparse.Namespace) -> Iterator[Result]:
    """One network from start to end."""
    workspace = OUT / model
    wait_until_quiet(options.wait)  # the server compares engines when it loads the model for the first time
    with serving(_models(model, workspace), workspace=workspace, arguments=_zoo(model)) as server:
        [folder] = {path.parent for path in (workspace / "cache").rglob("spec.json")}
        message = _request(model, Artifact(folder), pixels=options.pixels)
        _call(server.grpc, message)
        wait_until_quiet(options.wait)
        alone = _alone(folder, BATCHES.get(model, IMAGE_BATCHES), options.seconds / 5)
        seconds = max(options.seconds, LEAST_ROWS / alone.rows_per_s)
        runs = [
            _drive(server, message, concurrency, seconds, options.wait) for concurrency in options.concurrency
        ]
        wait_until_quiet(options.wait)
        again = _again(folder, alone, options.seconds)
        apart = _apart(folder, BATCHES.get(model, IMAGE_BATCHES), options.seconds / 5)
        _check_counter(server)
    machine = factor(options.seconds / 2) if model == "mlp" else None
    for run in runs:
        yield replace(_compared(model, (alone, again), apart, run), machine=machine)


def _models(model: str, workspace: Path) -> Path:
    folder = workspace / "models"
    folder.mkdir(parents=True, exist_ok=True)
    if model == "mlp":
        made("mlp", folder / "mlp.h5")
    return folder


def _zoo(model: str) -> list[str]:
    return [] if model == "mlp" else ["--zoo", model, "--zoo-weights", "none"]


def _request(model: str, artifact: Artifact, *, pixels: bool) -> bytes:
    """A ModelInferRequest of one row; `pixels`: as bytes, where the model takes pictures."""
    [spec] = artifact.spec.inputs
    random = np.random.default_rng(0)
    shape = (1, *(size or 1 for size in spec.shape[1:]))
    if pixels and artifact.image is not None:
        return infer_message(model, spec.name, random.integers(0, 256, shape, np.uint8))
    return infer_message(model, spec.name, random.random(shape, np.float32))


def _call(target: str, message: bytes) -> None:
    """One call of a real client; grpc.RpcError unless the status is OK."""
    with grpc.insecure_channel(target) as channel:
        channel.unary_unary(f"/{SERVICE}/ModelInfer")(message, timeout=30)


def _alone(folder: Path, batches: tuple[int, ...], seconds: float) -> Rate:
    """The best that any engine does on these cores by itself, measured again at length."""
    settings = Settings(threads=sorted({1, available_cores()}), rows=batches, seconds=seconds)
    best = max(in_fresh_process(folder, settings), key=lambda rate: rate.rows_per_s)
    return _again(folder, best, seconds * 5)


def _apart(folder: Path, batches: tuple[int, ...], seconds: float) -> Rate:
    """The best that any engine does with batches in parts side by side."""
    settings = Settings(threads=[available_cores()], rows=batches, seconds=seconds, apart=True)
    return max(in_fresh_process(folder, settings), key=lambda rate: rate.rows_per_s)


def _again(folder: Path, rate: Rate, seconds: float) -> Rate:
    settings = Settings(engines=[rate.engine], threads=[rate.threads], rows=[rate.rows], seconds=seconds)
    [again] = in_fresh_process(folder, settings)
    return again


def _drive(server: Serving, message: bytes, concurrency: int, seconds: float, wait_s: float) -> Run:
    connections = min(CONNECTIONS, concurrency)
    shape = {"connections": connections, "streams": concurrency // connections}
    load(server.grpc, message, seconds=1, **shape)
    # h2load walks away from what is under way at its end, and the server may still compute that.
    wait_until_idle(server.pid)
    wait_until_quiet(wait_s)
    before, busy_before = tree_cpu_s(server.pid), machine_cpu_s()
    run = load(server.grpc, message, seconds=seconds, **shape)
    after, busy_after = tree_cpu_s(server.pid), machine_cpu_s()
    used = {kind: after[kind] - before.get(kind, 0.0) for kind in after}
    others_s = max(0.0, busy_after - busy_before - sum(used.values()) - run.cpu_s)
    cores_s = run.seconds * available_cores()
    return Run(
        concurrency=concurrency,
        requests_per_s=run.requests_per_s,
        p50_ms=run.p50_ms,
        p99_ms=run.p99_ms,
        load_cpu_share=run.cpu_s / cores_s,
        others_cpu_share=others_s / cores_s,
        cpu_us={kind: seconds / run.requests * 1e6 for kind, seconds in used.items()},
    )


def _compared(model: str, alone: tuple[Rate, Rate], apart: Rate, run: Run) -> Result:
    reference = sum(rate.rows_per_s for rate in alone) / 2
    return Result(
        model=model,
        alone=str(alone[0]),
        alone_rows_per_s=reference,
        alone_cpu_us=sum(rate.cpu_us for rate in alone) / 2,
        apart=str(apart),
        apart_rows_per_s=apart.rows_per_s,
        concurrency=run.concurrency,
        requests_per_s=run.requests_per_s,
        p50_ms=run.p50_ms,
        p99_ms=run.p99_ms,
        raw_ratio=run.requests_per_s / reference,
        fair_ratio=run.requests_per_s / (reference * (1 - run.load_cpu_share)),
        load_cpu_share=run.load_cpu_share,
        others_cpu_share=run.others_cpu_share,
        gateway_cpu_us=run.cpu_us.get("gateway", 0.0),
        worker_cpu_us=run.cpu_us.get("worker", 0.0),
        server_cpu_us=sum(run.cpu_us.values()),
    )


def _check_counter(server: Serving) -> None:
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    codes = set(re.findall(r'^horngate_requests_total\{[^}]*code="(\w+)"', metrics, re.MULTILINE))
    if not codes <= {"OK", "CANCELLED"}:  # h2load cancels what is under way at its end
        raise RuntimeError(
            f"horngate_requests_total counts the codes {sorted(codes)}; expected OK, CANCELLED"
        )


def _row(result: Result) -> list[str]:
    return [
        f"{result.model}, {result.concurrency} at once",
        f"{result.requests_per_s:,.0f}",
        f"{result.p50_ms:.1f}",
        f"{result.p99_ms:.1f}",
        f"{result.raw_ratio:.2f}",
        f"{result.fair_ratio:.2f}",
        f"{result.load_cpu_share:.0%}",
        f"{result.others_cpu_share:.0%}",
        f"{result.gateway_cpu_us:,.0f}",
        f"{result.worker_cpu_us:,.0f}",
        f"{result.server_cpu_us:,.0f}",
    ]


CPU_COLUMNS = ["gateway µs", "worker µs", "server µs"]
COLUMNS = ["served", "rows/s", "p50 ms", "p99 ms", "raw", "fair", "h2load", "others", *CPU_COLUMNS]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mlp", "mobilenet_v2", "resnet50"])
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 8, 32, 128])
    parser.add_argument(
        "--pixels", action="store_true", help="send pictures as bytes, which the server scales"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of load for each cell, at the least")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds, at most, to wait for an idle machine"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a cell instead of the tables")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    for model in options.models:
        results = list(measure(model, options))
        if options.json:
            print("\n".join(json.dumps(asdict(result)) for result in results), flush=True)
            continue
        first = results[0]
        cost = f"{first.alone_rows_per_s:,.0f} rows/s, {first.alone_cpu_us:,.0f} µs of CPU a row"
        print(f"{model}: the engine alone {cost} ({first.alone})")
        print(f"in parts side by side {first.apart_rows_per_s:,.0f} rows/s ({first.apart})\n")
        if first.machine is not None:
            print(
                f"echoes take {first.machine:.2f} of the CPU that they took where the aim of 100 µs is from\n"
            )
        print(table(COLUMNS, map(_row, results)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
