"""A `horngate serve` of our own: started, waited for, stopped."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from horngate.contract.errors import Unavailable

READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05


@dataclass
class Serving:
    """A running server's addresses, `http` "" if there is none; `exit_code` is set once it has stopped."""

    grpc: str
    http: str
    metrics: str
    pid: int
    exit_code: int | None = None


@contextmanager
def serving(
    models: Path, *, workspace: Path, arguments: Sequence[str] = (), ready_timeout_s: float = READY_TIMEOUT_S
) -> Iterator[Serving]:
    """Serve the folder on free local ports; SIGTERM on leaving.

    `workspace` takes the server's log, cache and ready file; `arguments` are added to the command.
    Unavailable with the log's end if it does not become ready.
    """
    ready, log = workspace / "ready.json", workspace / "serve.log"
    command = [
        *(sys.executable, "-m", "horngate.cli.main", "serve", str(models)),
        *("--host", "127.0.0.1", "--grpc-port", "0", "--http-port", "0"),
        *("--metrics-port", "0"),
        *("--cache", str(workspace / "cache"), "--ready-file", str(ready)),
        *arguments,
    ]
    ready.unlink(missing_ok=True)
    with (
        log.open("wb") as output,
        # A session of its own: Ctrl+C reaches the demo alone, which then stops the server in order.
        subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            _wait_until_ready(process, ready, log, ready_timeout_s)
            server = Serving(**json.loads(ready.read_text()), pid=process.pid)
            yield server
        finally:
            exit_code = _stop(process)
        server.exit_code = exit_code


def _wait_until_ready(process: "subprocess.Popen[bytes]", ready: Path, log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready.exists():
        if process.poll() is not None:
            raise Unavailable(f"horngate serve exited with {process.returncode}; its log ends:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise Unavailable(f"horngate serve not ready after {timeout_s:.0f} s; log:\n{_tail(log)}")
        time.sleep(POLL_S)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _stop(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
