"""A replica's own `horngate serve`, on this machine alone."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from horngate.contract.errors import Unavailable

READY_S = 300.0
# The server ends when its standard input does: with this process, however that ends.
_GUARD = 'exec 3<&0; "$@" & server=$!; (read _ <&3; kill $server) & wait $server'


class LocalServer:
    """The server over a folder; ready when made. `address` is where it answers gRPC.

    Unavailable with the log's end: it does not become ready.
    """

    def __init__(self, models: Path, workspace: Path, arguments: Sequence[str]) -> None:
        ready, self._log = workspace / "ready.json", workspace / "serve.log"
        serve = [sys.executable, "-m", "horngate.cli.main", "serve", str(models), "--host", "127.0.0.1"]
        ports = ["--grpc-port", "0", "--metrics-port", "0", "--no-http"]
        command = ["sh", "-c", _GUARD, "horngate", *serve, *ports, "--ready-file", str(ready), *arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._wait_until(ready)
        self.address: str = json.loads(ready.read_text())["grpc"]

    def stop(self) -> None:
        """Have it end once what it accepted is answered; nobody waits: a lost replica must not seem to be there."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _wait_until(self, ready: Path) -> None:
        deadline_s = time.monotonic() + READY_S
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                end = self._log.read_text(errors="replace").splitlines()[-20:]
                raise Unavailable("horngate serve is not ready; its log ends:\n" + "\n".join(end))
            time.sleep(0.05)
