"""A server short of memory under large batches of mixed models: its own caps, and fixed batches as others have.

    python bench/memory_limit.py [--seconds 60] [--limit-mib 1000] [--fixed-rows 256] [--json]

Three networks are served (a convolution whose activations take 8 MB a row, MobileNetV2, an MLP), every one told
to fill its batches to the cap, from artifacts that a first server without a limit made. Then the server runs
twice in a control group with that limit (version 1 or 2; where this process may make none, `ulimit -d` for each
of its processes instead), and callers send it requests of 1 to 256 rows of every model. The second time its workers
are changed (bench/fixed_batches) to do as other servers do: batches of a fixed size, an error when memory runs
out. `wrong` counts answers that differ from those of the server without a limit.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from limits import Limit
from table import table

from horngate.cli.serving import serving
from horngate.client import Client
from horngate.contract.errors import HorngateError

OUT = Path(__file__).parent / "out" / "memory_limit"
SHAPES = {"wide": (64, 64, 3), "mobilenet_v2": (224, 224, 3), "mlp": (784,)}
ROWS = {"wide": (16, 64, 128), "mobilenet_v2": (1, 4, 16), "mlp": (1, 64, 256)}
CALLERS = 6
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run. `kills` are the kernel's, in the group; `peak_mib` the group's most memory."""

    way: str
    requests: int
    failed: int
    wrong: int
    rows_per_s: float
    kills: int
    restarts: int
    caps: dict[str, int]
    halved: int
    peak_mib: float


def make_models(folder: Path) -> None:
    """The files, in a process of its own that ends with TensorFlow in it."""
    script = """
import sys, keras
from keras import layers
keras.utils.set_random_seed(1)
wide = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(256, 3, activation="relu"),
    layers.DepthwiseConv2D(3, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(10)])
mlp = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(10, "softmax")])
for name, model in (("wide", wide), ("mlp", mlp)):
    model.save(f"{sys.argv[1]}/{name}/1/model.h5")
"""
    for name in SHAPES:
        (folder / name / "1").mkdir(parents=True)
        lines = ['batching = "largest"', 'engine = "onnxruntime"']
        if name == "mobilenet_v2":
            lines += ['source = "zoo:mobilenet_v2"', 'weights = "none"']
        (folder / name / "model.toml").write_text("\n".join(lines) + "\n")
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, capture_output=True)


class Load:
    """Callers that send requests of every model and size, and look whether the answers are right."""

    def __init__(self, truths: dict[str, tuple[Any, Any]]) -> None:
        self._truths = truths
        self._lock = threading.Lock()
        self.requests = self.failed = self.wrong = self.rows = 0
        self.faults: list[str] = []

    def run(self, address: str, seconds: float) -> None:
        """Load the server for so long."""
        end_s = time.monotonic() + seconds
        callers = [threading.Thread(target=self._call, args=(address, end_s, n)) for n in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()

    def _call(self, address: str, end_s: float, number: int) -> None:
        names, turn = list(self._truths), number
        with Client(address) as client:
            while time.monotonic() < end_s:
                turn += 1
                name = names[turn % len(names)]
                rows = ROWS[name][turn // len(names) % len(ROWS[name])]
                inputs, truth = self._truths[name]
                try:
                    answer = client.predict(name, inputs[:rows], timeout=120)
                except HorngateError as fault:
                    self._count(failed=1, fault=f"{type(fault).__name__}: {fault}")
                    continue
                good = np.allclose(answer, truth[:rows], atol=TOLERANCE)
                self._count(wrong=not good, rows=rows)

    def _count(self, *, failed: int = 0, wrong: int = 0, rows: int = 0, fault: str = "") -> None:
        with self._lock:
            self.requests += 1
            self.failed += failed
            self.wrong += wrong
            self.rows += rows
            if fault and len(self.faults) < 5:
                self.faults.append(fault)


def truths(models: Path) -> dict[str, tuple[Any, Any]]:
    """Inputs, and the answers of a server without a limit, which builds the artifacts."""
    generator = np.random.default_rng(0)
    found = {}
    with serving(models, workspace=OUT) as server, Client(server.grpc) as client:
        for name, shape in SHAPES.items():
            most = max(ROWS[name])
            inputs = generator.random((most, *shape), np.float32)
            parts = [client.predict(name, inputs[row : row + 8], timeout=60) for row in range(0, most, 8)]
            found[name] = (inputs, np.concatenate(parts))
    return found


def run(way: str, models: Path, limit: Limit, load: Load, seconds: float) -> Outcome:
    """One server in the group, under load."""
    for lesson in (OUT / "cache").glob("*/learned-*.json"):
        lesson.unlink()  # Each way learns for itself.
    kills = limit.kills()
    group = serving(models, workspace=OUT)
    with limit.inside():
        server = group.__enter__()
    try:
        load.run(server.grpc, seconds)
        with Client(server.grpc) as client:
            caps = {}
            for name in SHAPES:
                with suppress(HorngateError):
                    caps[name] = client.describe(name).cap
        metrics = _metrics(server.metrics)
        kills, peak_mib = limit.kills() - kills, limit.peak_mib()
    finally:
        group.__exit__(None, None, None)
    return Outcome(
        way=way,
        requests=load.requests,
        failed=load.failed,
        wrong=load.wrong,
        rows_per_s=load.rows / seconds,
        kills=kills,
        restarts=int(metrics.get("horngate_worker_restarts_total", 0)),
        caps=caps,
        halved=int(metrics.get("horngate_batches_halved_total", 0)),
        peak_mib=peak_mib,
    )


def _metrics(address: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for line in urlopen(f"http://{address}/metrics", timeout=10).read().decode().splitlines():
        if not line.startswith("#"):
            name, value = line.split("{")[0].split(" ")[0], line.rsplit(" ", 1)[1]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--limit-mib", type=int, default=1000)
    parser.add_argument("--fixed-rows", type=int, default=256)
    parser.add_argument("--json", action="store_true", help="one JSON object a run instead of the table")
    options = parser.parse_args()
    shutil.rmtree(OUT / "models", ignore_errors=True)
    models = OUT / "models"
    make_models(models)
    expected = truths(models)
    limit = Limit(options.limit_mib << 20)
    outcomes = []
    try:
        loads = {
            "caps from memory models": Load(expected),
            f"fixed {options.fixed_rows} rows": Load(expected),
        }
        for way, load in loads.items():
            if way.startswith("fixed"):
                os.environ["PYTHONPATH"] = str(Path(__file__).parent / "fixed_batches")
                os.environ["HORNGATE_FIXED_ROWS"] = str(options.fixed_rows)
            outcomes.append(run(way, models, limit, load, options.seconds))
            for fault in load.faults:
                print(f"{way}: {fault}", file=sys.stderr)
    finally:
        limit.remove()
    if options.json:
        return print("\n".join(json.dumps(asdict(outcome)) for outcome in outcomes))
    print(f"{options.limit_mib} MiB by {limit.name}, {options.seconds:.0f} s each\n")
    columns = [
        "batches",
        "requests",
        "failed",
        "wrong",
        "rows/s",
        "kernel kills",
        "restarts",
        "halved",
        "peak MiB",
    ]
    rows = [
        [
            each.way,
            each.requests,
            each.failed,
            each.wrong,
            f"{each.rows_per_s:.0f}",
            each.kills,
            each.restarts,
            each.halved,
            f"{each.peak_mib:.0f}",
        ]
        for each in outcomes
    ]
    print(table(columns, rows))
    for each in outcomes:
        print(f"\ncaps, {each.way}: {each.caps}")


if __name__ == "__main__":
    main()
