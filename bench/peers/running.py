"""One server at a time: started, asked until it answers rightly, ended with all that it started."""

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import numpy as np
from bodies import Body
from environments import Unusable
from h2load import Post
from networks import Network
from processes import proportional_mb, tree

READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.05
PORTS = 5
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers, and how long that took from its start."""

    post: Post
    start_s: float


@dataclass(frozen=True)
class Question:
    """A network's row in some form; answers may be off by so much of the largest value."""

    network: Network
    body: Body
    tolerance: float

    def post(self, address: str) -> Post:
        """What is sent under load; no form has an answer in less than its floats take."""
        post = self.body.post(address, self.network.row())
        return replace(post, answer_bytes=self.network.answer().nbytes)

    def ask(self, address: str) -> None:
        """Unusable unless the answer is ONNX Runtime's; an exception of the transport's if there is none."""
        answer = self.body.ask(address, self.network.row()).ravel()
        expected = self.network.answer().ravel()
        allowed = self.tolerance * np.abs(expected).max()
        if answer.size != expected.size or np.abs(answer - expected).max() > allowed:
            raise Unusable(f"wrong answer: received {answer[:4]}…; expected {expected[:4]}…")


def adopt_orphans() -> None:
    """From now on what our children leave behind is ours, so that it is counted and ended."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> dict[int, float]:
    """All processes that we started, or theirs did: CPU seconds by process id."""
    own = os.getpid()
    return {pid: cpu_s for pid, cpu_s in tree(own).items() if pid != own}


def memory_mb() -> float:
    """Their proportional set size."""
    return sum(map(proportional_mb, descendants()))


@contextmanager
def running(
    command: Sequence[str], port: int, question: Question, variables: Mapping[str, str], log: Path
) -> Iterator[Running]:
    """Start the command, wait for its first right answer. Unusable with the log's end if there is none."""
    address = f"127.0.0.1:{port}"
    begin = time.monotonic()
    with log.open("wb") as output, tempfile.TemporaryDirectory(prefix="horngate-peer-") as scratch:
        environment = {**os.environ, **variables, "TMPDIR": scratch, "HOME": scratch}
        process = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, env=environment, cwd=scratch
        )
        try:
            _wait_for_answer(process, address, question, log)
            start_s = time.monotonic() - begin
            yield Running(post=question.post(address), start_s=start_s)
        finally:
            _end(process)


def free_ports() -> int:
    """The first of some ports in a row that nobody listens at."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + PORTS < 1 << 16 and all(map(_is_free, range(first, first + PORTS))):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_for_answer(process: "subprocess.Popen[bytes]", address: str, question: Question, log: Path) -> None:
    deadline, last = time.monotonic() + READY_TIMEOUT_S, "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unusable(f"exited with {process.returncode}: {_last_line(log)}")
        try:
            return question.ask(address)
        except grpc.RpcError as error:
            last = error.details()
        except OSError as error:
            last = str(error)
        time.sleep(POLL_S)
    raise Unusable(f"no answer within {READY_TIMEOUT_S:.0f} s, last {last}: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "nothing in its log"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to the first, then SIGKILL to whatever is left of it."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    while left := descendants():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(POLL_S)
