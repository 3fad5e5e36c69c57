"""Unary gRPC load from `h2load` (Debian: nghttp2-client): compiled, so it takes little of the machine."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run of h2load came to. Latencies are over all requests; `cpu_s` is h2load's own time."""

    requests: int
    seconds: float
    cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def requests_per_s(self) -> float:
        """Requests answered with HTTP 200, a second."""
        return self.requests / self.seconds


def load(
    target: str,
    message: bytes,
    *,
    connections: int,
    streams: int,
    seconds: float,
    cores: Iterable[int] = (),
    method: str = "/inference.GRPCInferenceService/ModelInfer",
) -> Load:
    """Keep `connections * streams` calls of `message` under way; RuntimeError if any fails.

    h2load sees HTTP status, not gRPC's: check one reply with a real client first, and the server's own error
    counter after.
    """
    with tempfile.TemporaryDirectory() as folder:
        body, log = Path(folder, "body"), Path(folder, "log")
        body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        command = [
            *(
                "h2load",
                "-c",
                str(connections),
                "-m",
                str(streams),
                "-t",
                "1",
                "-D",
                f"{seconds * 1000:.0f}ms",
            ),
            *("-H", "content-type: application/grpc", "-H", "te: trailers"),
            *("-d", str(body), "--log-file", str(log), f"http://{target}{method}"),
        ]
        output, cpu_s = _run(command, set(cores))
        return _parse(output, log, seconds, cpu_s)


def _run(command: list[str], cores: set[int]) -> tuple[str, float]:
    pinned = ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores else []
    with subprocess.Popen([*pinned, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"h2load exited with {process.returncode}: {output}")
    return output, usage.ru_utime + usage.ru_stime


def _parse(output: str, log: Path, seconds: float, cpu_s: float) -> Load:
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", output)
    if not counts or int(counts[2]) or int(counts[3]) or not int(counts[1]):
        raise RuntimeError(f"h2load had failures or did nothing:\n{output}")
    lines = (line.split("\t") for line in log.read_text().splitlines())
    latencies_us = sorted(int(micros) for _, status, micros in lines if status == "200")
    if len(latencies_us) < int(counts[1]):
        raise RuntimeError(f"h2load: {counts[1]} answers, only {len(latencies_us)} with HTTP status 200")
    p50, p99 = (latencies_us[int(len(latencies_us) * part)] / 1000 for part in (0.5, 0.99))
    return Load(requests=int(counts[1]), seconds=seconds, cpu_s=cpu_s, p50_ms=p50, p99_ms=p99)
