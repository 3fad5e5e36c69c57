"""Cold and warm start of the same folder: with an empty cache, then with what the first start left in it.

    python bench/start.py [--zoo mobilenet_v2 resnet50] [--json]

The folder holds the tiny MLP, the zoo adds image networks with random weights. A start lasts from exec until
the ready file is there, that is until every model answers. `builders` counts the builder runs of the
server's own metric, and `TensorFlow` says whether any of its running processes has TensorFlow mapped.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path

from processes import tree
from table import table

from horngate.cli.serving import serving

OUT = Path(__file__).parent / "out" / "start"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start."""

    cache: str
    ready_s: float
    builders: int
    tensorflow: bool
    resident_mb: float


def start(cache: str, models: Path, zoo: list[str]) -> Start:
    """Start, look, stop."""
    begin = time.monotonic()
    arguments = ["--zoo", ",".join(zoo), "--zoo-weights", "none"] if zoo else []
    with serving(models, workspace=OUT, arguments=arguments) as server:
        ready_s = time.monotonic() - begin
        pids = list(tree(server.pid))
        return Start(
            cache=cache,
            ready_s=ready_s,
            builders=_builders(server.http),
            tensorflow=any("libtensorflow" in Path(f"/proc/{pid}/maps").read_text() for pid in pids),
            resident_mb=sum(map(_proportional_mb, pids)),
        )


def _builders(address: str) -> int:
    connection = HTTPConnection(address, timeout=10)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    return sum(
        int(float(count)) for count in re.findall(r"^horngate_builds_total\{.*\} (\S+)", metrics, re.M)
    )


def _proportional_mb(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zoo", nargs="*", default=["mobilenet_v2", "resnet50"])
    parser.add_argument("--json", action="store_true", help="one JSON object a start instead of the table")
    options = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    models = OUT / "models"
    subprocess.run([sys.executable, Path(__file__).with_name("mlp.py"), models / "mlp.h5"], check=True)
    starts = [start(cache, models, options.zoo) for cache in ("empty", "filled", "filled")]
    if options.json:
        return print("\n".join(json.dumps(asdict(each)) for each in starts))
    rows = [
        [
            each.cache,
            f"{each.ready_s:.2f}",
            each.builders,
            "yes" if each.tensorflow else "no",
            f"{each.resident_mb:,.0f}",
        ]
        for each in starts
    ]
    print(table(["cache", "ready after s", "builders", "TensorFlow", "memory MB"], rows))


if __name__ == "__main__":
    main()
