"""The engines alone, in one process, on a built artifact: what a server's rate is compared with.

    python bench/engine_alone.py ARTIFACT_FOLDER [--seconds 1]

Each CPU engine with one thread and with one a core, at several batch sizes, inputs ready in memory: rows a
second. With --apart the cores share a batch's rows, as the server may have it, in place of each layer. It uses the
server's own graphs, but none of its queues and processes. Prints JSON lines.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from turns import turn

from horngate.server.artifact import Artifact
from horngate.server.settings import available_cores
from horngate.server.worker.engines import EngineChoice, program_for

ENGINES = ("onnxruntime", "openvino")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one engine, set so, did at one batch size; `cpu_us` is its CPU time a row."""

    engine: str
    threads: int
    rows: int
    rows_per_s: float
    cpu_us: float
    apart: bool = False

    def __str__(self) -> str:
        threads = f"{self.threads} x 1" if self.apart else str(self.threads)
        return f"{self.engine}, {threads} thread(s), batches of {self.rows}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every combination of these is measured, each for `seconds`."""

    engines: Sequence[str] = ENGINES
    threads: Sequence[int] = (1,)
    rows: Sequence[int] = (1, 8, 32)
    seconds: float = 1.0
    apart: bool = False


def measure(folder: Path, settings: Settings) -> Iterator[Rate]:
    """The rate of every setting, in this process."""
    artifact = Artifact(folder)
    outputs = [spec.name for spec in artifact.spec.outputs]
    for engine, threads in itertools.product(settings.engines, settings.threads):
        choice = EngineChoice(engine=engine, threads=threads, apart=settings.apart)
        program = program_for(choice, artifact, outputs)
        for rows in settings.rows:
            found = turn(partial(program.run, _batch(artifact, rows)), rows, settings.seconds)
            measured = {"rows_per_s": found.rows_per_s, "cpu_us": found.row_cpu_s * 1e6}
            yield Rate(engine=engine, threads=threads, rows=rows, apart=settings.apart, **measured)


def in_fresh_process(folder: Path, settings: Settings) -> list[Rate]:
    """`measure`, in a process of its own so that nothing else is in its memory."""
    command = [sys.executable, __file__, str(folder), "--seconds", str(settings.seconds)]
    for option in ("engines", "threads", "rows"):
        command += [f"--{option}", *map(str, getattr(settings, option))]
    command += ["--apart"] if settings.apart else []
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [Rate(**json.loads(line)) for line in lines]


def _batch(artifact: Artifact, rows: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        spec.name: generator.random((rows, *(size or 1 for size in spec.shape[1:])), np.float32)
        for spec in artifact.spec.inputs
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, available_cores()}))
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--apart", action="store_true", help="batches in parts side by side")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each setting")
    options = vars(parser.parse_args())
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would otherwise report to its maker
    for rate in measure(options.pop("artifact"), Settings(**options)):
        print(json.dumps(asdict(rate)), flush=True)


if __name__ == "__main__":
    main()
