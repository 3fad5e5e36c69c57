"""How many threads an engine is best given beside a gateway, whether they should spin, and whether to pin them.

    python bench/threads.py ARTIFACT_FOLDER [--rows 8] [--gateway 3] [--repeats 5] [--json]

Each setting runs the artifact's own outputs beside a process that takes `--gateway` percent of a core in bursts of
half a millisecond, as a gateway does that takes requests in. Settings run in turns; a rate is the median of its
turns. CPU is the engine's alone: threads that spin take what others could have had.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
import openvino
from table import table
from turns import turn

from horngate.server.artifact import Artifact
from horngate.server.settings import available_cores
from horngate.server.worker.engines.graphs import program_path

TURN_S = 1.0
BURST_S = 0.0005
BURSTS = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + {burst}
    while time.perf_counter() < end: pass
    time.sleep({burst} / share - {burst})
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An engine, set so."""

    engine: str
    threads: int
    spins: bool = False
    pinned: bool = False

    def __str__(self) -> str:
        words = ["spinning"] * self.spins + ["pinned"] * self.pinned
        return ", ".join([self.engine, f"{self.threads} thread(s)", *words])


def settings() -> Iterator[Setting]:
    """What is compared. OpenVINO's threads never spin for long; whether they are pinned is its to set."""
    for threads in sorted({1, max(1, available_cores() - 1), available_cores()}):
        yield Setting(engine="onnxruntime", threads=threads)
        if threads > 1:
            yield Setting(engine="onnxruntime", threads=threads, spins=True)
        yield Setting(engine="openvino", threads=threads)
        yield Setting(engine="openvino", threads=threads, pinned=True)


def loaded(setting: Setting, path: Path, name: str) -> Callable[[Any], Any]:
    """A call that runs one batch."""
    if setting.engine == "onnxruntime":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = setting.threads, 3
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(setting.spins)))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda batch: session.run(None, {name: batch})
    properties = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": setting.threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": setting.pinned,
    }
    request = openvino.Core().compile_model(path, "CPU", properties).create_infer_request()
    return lambda batch: request.infer({name: batch}, share_inputs=True)


@contextmanager
def gateway(percent: float) -> Iterator[None]:
    """Somebody else's small but frequent work."""
    command = [sys.executable, "-c", BURSTS.format(burst=BURST_S), str(percent / 100)]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def timed(call: Callable[[Any], Any], batch: Any) -> tuple[float, float]:
    """Rows a second, and CPU milliseconds a row."""
    found = turn(lambda: call(batch), len(batch), TURN_S)
    return found.rows_per_s, found.row_cpu_s * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--gateway", type=float, default=3.0, help="percent of a core")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object a setting instead of the table")
    options = parser.parse_args()
    artifact = Artifact(options.artifact)
    (spec,) = artifact.spec.inputs
    shape = (options.rows, *(size or 1 for size in spec.shape[1:]))
    batch = np.random.default_rng(0).random(shape, np.float32)
    path = program_path(artifact, [output.name for output in artifact.spec.outputs])
    tried = list(settings())
    calls = [loaded(setting, path, spec.name) for setting in tried]
    with gateway(options.gateway):
        turns = [[timed(call, batch) for call in calls] for _ in range(options.repeats)]
    figures = [tuple(map(statistics.median, zip(*each, strict=True))) for each in zip(*turns, strict=True)]
    best = max(rate for rate, _ in figures)
    if options.json:
        for setting, (rate, cpu_ms) in zip(tried, figures, strict=True):
            print(json.dumps(asdict(setting) | {"rows_per_s": rate, "cpu_ms": cpu_ms}))
        return
    rows = [
        [str(setting), f"{rate:,.1f}", f"{rate / best:.2f}", f"{cpu_ms:.2f}"]
        for setting, (rate, cpu_ms) in zip(tried, figures, strict=True)
    ]
    print(table([f"batches of {options.rows}", "rows/s", "ratio", "CPU ms a row"], rows))


if __name__ == "__main__":
    main()
