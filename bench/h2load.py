"""Load from `h2load` (Debian: nghttp2-client): compiled, so it takes little of the machine. gRPC and plain HTTP."""

import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

METHOD = "/inference.GRPCInferenceService/ModelInfer"
OPEN_CONNECTIONS, OPEN_CONNECTIONS_HTTP1 = 8, 32
"""An open loop has that many, each with a phase of its own: together they are close to calls at random moments.
One of HTTP/1.1 has one request under way at a time."""


class NoAnswer(RuntimeError):
    """The load ended before the first answer."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """What is sent again and again. An answer of less than `answer_bytes` is an error: gRPC's have a 200, too."""

    url: str
    body: bytes
    headers: Sequence[str]
    http1: bool = False
    answer_bytes: int = 0


SETTLING_S = 1.0
"""So long an open loop has run before its latencies count: to start the connections' processes takes what the
server's first requests need, which would be the slowest hundredth of all."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run of h2load came to. Latencies are over all requests; `cpu_s` is h2load's own time.

    Those of an open loop are over the requests after SETTLING_S, sent at `sent_s`.
    """

    requests: int
    seconds: float
    cpu_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    sent_s: tuple[float, ...] = ()

    @property
    def requests_per_s(self) -> float:
        """Requests answered with HTTP 200, a second."""
        return self.requests / self.seconds


class Answered(NamedTuple):
    """A request with HTTP 200: when it was sent, since 1970, and how long it took."""

    sent_s: float
    took_us: int


def grpc_post(target: str, message: bytes, method: str = METHOD) -> Post:
    """A unary call. h2load sees HTTP's status, not gRPC's: check one reply with a real client first."""
    return Post(
        url=f"http://{target}{method}",
        body=b"\0" + len(message).to_bytes(4, "big") + message,
        headers=("content-type: application/grpc", "te: trailers"),
    )


def load(
    target: str,
    message: bytes,
    *,
    connections: int,
    streams: int,
    seconds: float,
    cores: Iterable[int] = (),
    method: str = METHOD,
) -> Load:
    """Keep `connections * streams` calls of `message` under way; RuntimeError if any fails."""
    post = grpc_post(target, message, method)
    return closed_loop(post, connections=connections, streams=streams, seconds=seconds, cores=cores)


def closed_loop(
    post: Post,
    *,
    connections: int,
    streams: int,
    seconds: float,
    cores: Iterable[int] = (),
    processes: int = 1,
) -> Load:
    """Keep `connections * streams` requests under way; with HTTP/1.1, which has no streams, so many connections.

    Each of the `processes`, of one core each, has its part of the connections.
    """
    if post.http1:
        connections, streams = connections * streams, 1
    parts = [connections // processes + (number < connections % processes) for number in range(processes)]
    shapes = [["-c", str(part), "-m", str(streams), "-D", f"{seconds * 1000:.0f}ms"] for part in parts]
    answered, cpu_s = _together(post, shapes, [0.0] * processes, set(cores))
    return _summed(answered, answered, seconds, cpu_s)


def open_loop(post: Post, *, rate: float, seconds: float, seed: int = 0) -> Load:
    """Send `rate` requests a second whatever the server does: that many processes of one connection each."""
    seconds += SETTLING_S
    connections = OPEN_CONNECTIONS_HTTP1 if post.http1 else OPEN_CONNECTIONS
    own_rate = rate / connections
    generator = random.Random(seed)
    phases_s = sorted(generator.uniform(0, 1 / own_rate) for _ in range(connections))
    shape = ["-c", "1", "-m", "1" if post.http1 else "1000", "--rps", f"{own_rate:.6f}"]
    shapes = [[*shape, "-D", f"{(seconds + phases_s[-1] - phase) * 1000:.0f}ms"] for phase in phases_s]
    answered, cpu_s = _together(post, shapes, phases_s, set())
    return _summed(answered, settled(answered), seconds + phases_s[-1], cpu_s)


def settled(answered: Sequence[Answered]) -> list[Answered]:
    """Those that were sent SETTLING_S after the first or later."""
    begin_s = min((each.sent_s for each in answered), default=0.0)
    return [each for each in answered if each.sent_s >= begin_s + SETTLING_S]


def _together(
    post: Post, shapes: Sequence[Sequence[str]], phases_s: Sequence[float], cores: set[int]
) -> tuple[list[Answered], float]:
    """One h2load for each of `shapes`, each started at its phase; their requests, and their CPU seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "body").write_bytes(post.body)
        begin, started = time.monotonic(), []
        for number, (shape, phase_s) in enumerate(zip(shapes, phases_s, strict=True)):
            time.sleep(max(0.0, begin + phase_s - time.monotonic()))
            command = [*_pinned(cores), *_command(post, shape, folder, str(number))]
            started.append(
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            )
        ended = [_wait(process) for process in started]
        answered = [
            each
            for number, (output, _) in enumerate(ended)
            for each in _answered(output, folder / str(number))
        ]
        _check_sizes(post, [output for output, _ in ended], len(answered))
    return answered, sum(cpu_s for _, cpu_s in ended)


def _pinned(cores: set[int]) -> list[str]:
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores else []


def _command(post: Post, shape: Sequence[str], folder: Path, log: str) -> list[str]:
    headers = [part for header in post.headers for part in ("-H", header)]
    http1 = ["--h1"] if post.http1 else []
    files = ["-d", str(folder / "body"), "--log-file", str(folder / log)]
    return ["h2load", "-t", "1", *shape, *http1, *headers, *files, post.url]


def _wait(process: "subprocess.Popen[str]") -> tuple[str, float]:
    """What it said, and the CPU seconds that it took."""
    with process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"h2load exited with {process.returncode}: {output}")
    return output, usage.ru_utime + usage.ru_stime


def _answered(output: str, log: Path) -> list[Answered]:
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", output)
    if not counts or int(counts[2]) or int(counts[3]):
        said = counts[0] if counts else "nothing"
        raise RuntimeError(f"h2load had failures: {said}\n{output}")
    lines = (line.split("\t") for line in log.read_text().splitlines())
    answered = [Answered(int(sent) / 1e6, int(micros)) for sent, status, micros in lines if status == "200"]
    if len(answered) < int(counts[1]):
        raise RuntimeError(f"h2load: {counts[1]} answers, only {len(answered)} with HTTP status 200")
    return answered


def _check_sizes(post: Post, outputs: Sequence[str], answers: int) -> None:
    received = sum(int(size) for output in outputs for size in re.findall(r"\((\d+)\) data", output))
    if received < answers * post.answer_bytes:
        least = f"{answers} answers of {post.answer_bytes} bytes"
        raise RuntimeError(f"h2load received {received} bytes; expected {least}: not all are answers")


def _summed(answered: Sequence[Answered], counted: Sequence[Answered], seconds: float, cpu_s: float) -> Load:
    """A load of all that were answered, with the latencies of those that are counted."""
    if not counted:
        raise NoAnswer(f"h2load had no answer within {seconds:.1f} s; give it more seconds")
    ordered_us = sorted(each.took_us for each in counted)
    shares = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999}
    found = {name: ordered_us[int(len(ordered_us) * share)] / 1000 for name, share in shares.items()}
    sent_s = tuple(each.sent_s for each in counted) if counted is not answered else ()
    return Load(requests=len(answered), seconds=seconds, cpu_s=cpu_s, sent_s=sent_s, **found)
