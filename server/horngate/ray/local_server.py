"""A replica's own `horngate serve`, on this machine alone."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from horngate.contract.errors import Unavailable

READY_S, STOP_S = 300.0, 30.0
# The server ends when its standard input does: with this process, however that ends.
_GUARD = '"$@" & read _; kill $!; wait $!'


class LocalServer:
    """The server over a folder; ready when made. `address` is where it answers gRPC.

    Unavailable with the log's end: it does not become ready.
    """

    def __init__(self, models: Path, workspace: Path, arguments: Sequence[str]) -> None:
        ready, self._log = workspace / "ready.json", workspace / "serve.log"
        command = [
            *(
                "sh",
                "-c",
                _GUARD,
                "horngate",
                sys.executable,
                "-m",
                "horngate.cli.main",
                "serve",
                str(models),
            ),
            *("--host", "127.0.0.1", "--grpc-port", "0", "--no-http", "--metrics-port", "0"),
            *("--ready-file", str(ready), *arguments),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._wait_until(ready)
        self.address: str = json.loads(ready.read_text())["grpc"]

    def stop(self) -> None:
        """End it; what it accepted is answered first."""
        try:
            self._process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _wait_until(self, ready: Path) -> None:
        deadline_s = time.monotonic() + READY_S
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self._process.kill()
                end = self._log.read_text(errors="replace").splitlines()[-20:]
                raise Unavailable("horngate serve is not ready; its log ends:\n" + "\n".join(end))
            time.sleep(0.05)
