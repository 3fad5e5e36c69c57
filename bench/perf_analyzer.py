"""Load from NVIDIA's perf_analyzer: compiled, and the client that Triton's users measure with."""

import csv
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perf_analyzer_setup import command

WINDOWS = 3
"""It calls a load stable when this many windows agree. We let any three do: every figure is then of all of them."""

_ANY = "999"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One load's figures, as perf_analyzer counted them; `cpu_s` is its own time.

    `queue_us` and `compute_us` are what the server's ModelStatistics said a request took there, 0 without them.
    """

    rows_per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    queue_us: float
    compute_us: float
    cpu_s: float


def analyze(arguments: Sequence[str], *, window_s: float = 1.0, cores: Iterable[int] = ()) -> Analysis:
    """Run one load for three windows, after a warm-up of its own. RuntimeError if a request fails."""
    pinned = ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.csv")
        limits = ["-p", f"{window_s * 1000:.0f}", "-r", str(WINDOWS), "-s", _ANY]
        cpu_s = _run([*pinned, *command(), *arguments, *limits, "-f", str(report), "--verbose-csv"])
        [row] = csv.DictReader(report.read_text().splitlines())
    return Analysis(
        rows_per_s=float(row["Inferences/Second"]),
        p50_ms=float(row["p50 latency"]) / 1000,
        p90_ms=float(row["p90 latency"]) / 1000,
        p99_ms=float(row["p99 latency"]) / 1000,
        queue_us=float(row.get("Server Queue") or 0),
        compute_us=float(row.get("Server Compute Infer") or 0),
        cpu_s=cpu_s,
    )


def _run(line: Sequence[str]) -> float:
    """The CPU seconds that it took. It says some errors on stdout, others on stderr, and not all by its status."""
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or "had error" in output or "Failed" in output:
        raise RuntimeError(f"perf_analyzer exited with {process.returncode}:\n{output}")
    return usage.ru_utime + usage.ru_stime
