"""Load that does not wait for answers: calls at random moments, at a rate that the server does not set.

`python bench/open_loop.py HOST:PORT REQUEST_FILE --rate 1500 --seconds 5 [--seed 0]` prints a JSON array for
each call: seconds from the start to sending it, from that to its end, and its gRPC status.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc

METHOD = "/inference.GRPCInferenceService/ModelInfer"
TIMEOUT_S = 60.0


class Outcome(NamedTuple):
    """One call."""

    sent_s: float
    took_s: float
    code: str


def drive(target: str, message: bytes, *, rate: float, seconds: float, seed: int = 0) -> list[Outcome]:
    """The same from a process of its own, whose interpreter shares nothing with ours."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(message)
        file.flush()
        numbers = ["--rate", str(rate), "--seconds", str(seconds), "--seed", str(seed)]
        command = [sys.executable, str(Path(__file__)), target, file.name, *numbers]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [Outcome(*json.loads(line)) for line in output.splitlines()]


def arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Seconds of Poisson arrivals."""
    generator = random.Random(seed)
    at_s = generator.expovariate(rate)
    while at_s < seconds:
        yield at_s
        at_s += generator.expovariate(rate)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _send_all(target: str, message: bytes, times_s: Sequence[float]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    done = threading.Semaphore(0)
    with grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = channel.unary_unary(METHOD)
        call(message, timeout=TIMEOUT_S)  # the connection is there before the clock starts
        begin_s = time.perf_counter()
        for at_s in times_s:
            time.sleep(max(0.0, begin_s + at_s - time.perf_counter()))
            sent_s = time.perf_counter()

            def finished(future: grpc.Future, sent_s: float = sent_s) -> None:
                took_s = time.perf_counter() - sent_s
                outcomes.append(Outcome(sent_s - begin_s, took_s, future.code().name))
                done.release()

            call.future(message, timeout=TIMEOUT_S).add_done_callback(finished)
        for _ in times_s:
            done.acquire()
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target")
    parser.add_argument("request", type=Path)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    times_s = list(arrivals(options.rate, options.seconds, options.seed))
    for outcome in _send_all(options.target, options.request.read_bytes(), times_s):
        print(json.dumps(outcome))


if __name__ == "__main__":
    main()
