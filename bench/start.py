"""Cold and warm start of the same folder: with an empty cache, then with what the first start left in it.

    python bench/start.py [--zoo mobilenet_v2 resnet50] [--json]

The folder holds the tiny MLP, the zoo adds image networks with random weights. A start lasts from exec until
the ready file is there, that is until every model answers. `built` and `cached` are the server's own count of
builder runs and of artifacts found, CPU is that of all its processes until then. In the last start neither
TensorFlow nor Keras can be imported.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path

from processes import proportional_mb, tree
from table import table

from horngate.cli.serving import serving
from horngate.client import Client

OUT = Path(__file__).parent / "out" / "start"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start."""

    cache: str
    ready_s: float
    built: int
    cached: int
    cpu_s: float
    memory_mb: dict[str, float]


def start(cache: str, models: Path, zoo: list[str]) -> Start:
    """Start, look, stop. Memory is proportional set size, by process."""
    begin = time.monotonic()
    arguments = ["--zoo", ",".join(zoo), "--zoo-weights", "none"] if zoo else []
    with serving(models, workspace=OUT, arguments=arguments) as server:
        ready_s = time.monotonic() - begin
        processes = tree(server.pid)
        _check_all_ready(server.grpc, 1 + len(zoo))
        outcomes = _builds(server.metrics)
        return Start(
            cache=cache,
            ready_s=ready_s,
            built=outcomes.get("built", 0),
            cached=outcomes.get("cached", 0),
            cpu_s=sum(processes.values()),
            memory_mb={_title(pid): proportional_mb(pid) for pid in tree(server.pid)},
        )


def _title(pid: int) -> str:
    """What a process says that it is."""
    title = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").strip("\0 ")
    return title.removeprefix("horngate: ")[:40]


@contextmanager
def without_keras() -> Iterator[None]:
    """Processes started inside cannot import TensorFlow or Keras: modules that refuse come first in their path."""
    folder = OUT / "refusing"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text("raise ImportError('a warm start must not need me')\n")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before or ""


def _check_all_ready(address: str, expected: int) -> None:
    with Client(address) as client:
        models = client.models()
    if [model.state for model in models] != ["READY"] * expected:
        raise RuntimeError(f"received {models}; expected {expected} models, all READY")


def _builds(address: str) -> dict[str, int]:
    connection = HTTPConnection(address, timeout=10)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    counts = re.findall(r'^horngate_builds_total\{outcome="(\w+)"\} (\S+)', metrics, re.M)
    return {outcome: int(float(count)) for outcome, count in counts}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zoo", nargs="*", default=["mobilenet_v2", "resnet50"])
    parser.add_argument("--json", action="store_true", help="one JSON object a start instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    shutil.rmtree(OUT, ignore_errors=True)
    models = OUT / "models"
    subprocess.run([sys.executable, Path(__file__).with_name("mlp.py"), models / "mlp.h5"], check=True)
    starts = [start(cache, models, options.zoo) for cache in ("empty", "filled")]
    with without_keras():
        starts.append(start("filled, no Keras to import", models, options.zoo))
    if options.json:
        return print("\n".join(json.dumps(asdict(each)) for each in starts))
    rows = [
        [
            each.cache,
            f"{each.ready_s:.2f}",
            f"{each.cpu_s:.2f}",
            each.built,
            each.cached,
            f"{sum(each.memory_mb.values()):,.0f}",
        ]
        for each in starts
    ]
    print(table(["cache", "ready after s", "CPU s", "built", "cached", "memory MB"], rows))
    last = [[name, f"{size:.1f}"] for name, size in sorted(starts[-1].memory_mb.items())]
    print("\nthe last, by process:\n\n" + table(["process", "memory MB"], last))


if __name__ == "__main__":
    main()
