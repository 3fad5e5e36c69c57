"""Every claim about speed in one run, and the table of what was aimed at: `python bench/all.py [--quick]`.

Runs the benchmarks beside it, keeps what they say in `bench/out/all`, and draws the aims (`all.png` there) and
the peers (`bench/out/peers/peers.png`). `--only` measures some again and tells all; `--table` measures nothing.
`--quick` is for 20 minutes: one round, and of the peers those that come closest; all of it takes about two hours on
two cores. Let nothing else run.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aims import aims
from aims_picture import draw
from table import table

BENCH = Path(__file__).parent
OUT = BENCH / "out" / "all"
GPU = "gpu"
"""What `bench/gpu.py --json` printed on another machine may be put beside what is measured here."""

CLOSEST = ("triton", "kserve")


def steps(quick: bool, wait: float) -> dict[str, list[list[str]]]:
    """Commands by name; each prints JSON."""
    waiting = ["--wait", f"{wait:g}"]
    overhead = ["overhead.py", "--concurrency", "32", "64", *waiting]
    few = ["2"] if quick else ["3"]
    found = {
        "overhead": [[*overhead, "--seconds", *few]],
        "latency": [["latency.py", "--seconds", *few]],
        "gateways": [["gateways.py", "--seconds", *few]],
        "shared memory": [["protocols.py", "--only", "602 KB", "--seconds", "1"]],
        "start": [["start.py", "--zoo"]],
    }
    peers = ["peers", "--seconds", *few, *waiting]
    if not quick:
        return {**found, "peers": [[*peers, "--repeats", "2"]]}
    once = [*peers, "--repeats", "1", "--peers", *CLOSEST]
    images = ["--only", "mobilenet_v2", "resnet50", "--concurrency", "8", "32"]
    tiny = [*once, "--ways", "onnxruntime", "--only", "mlp"]
    return {**found, "peers": [tiny, [*once, "--ways", "onnxruntime", "tf.function", *images]]}


def main() -> int:
    names = list(steps(False, 0))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--table", action="store_true", help="measure nothing, tell what is kept")
    parser.add_argument("--again", action="store_true", help="forget what was measured of the peers before")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds, at most, to wait for an idle machine"
    )
    parser.add_argument("--json", action="store_true", help="one JSON list instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    OUT.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for name, commands in steps(options.quick, options.wait).items():
        if name in options.only and not options.table:
            try:
                _run(name, commands, options.again)
            except RuntimeError as error:  # The others can be measured all the same.
                failures.append(f"{name}: {error}")
    found = list(aims(_kept([*names, GPU])))
    draw(found, OUT / "all.png")
    if options.json:
        print(json.dumps([asdict(one) for one in found]))
    else:
        print(table(("what", "aim", "measured", "reached"), [one.cells for one in found]))
        if not options.table:
            print(f"\nThe machine's load was {os.getloadavg()[0]:.1f} at the end, on {os.cpu_count()} cores.")
        print(f"\nDrawn: {OUT / 'all.png'}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _run(name: str, commands: Sequence[Sequence[str]], again: bool) -> None:
    """Keep what the last of them prints; peers tell on the way what they do."""
    begin = time.monotonic()
    for number, (script, *arguments) in enumerate(commands):
        more = ["--again"] if again and name == "peers" and number == 0 else []
        command = [sys.executable, str(BENCH / script), *arguments, *more, "--json"]
        print(f"{name}: {' '.join((script, *arguments, *more))}", file=sys.stderr, flush=True)
        output = _output(command)
    (OUT / f"{name}.json").write_text(output)
    print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


def _output(command: Sequence[str]) -> str:
    """What it prints. When we are ended it is told so, and has the time that its servers need to end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:
            process.terminate()
            raise
    if process.returncode:
        raise RuntimeError(f"{Path(command[1]).name} exited with {process.returncode}")
    return output


def _kept(names: Sequence[str]) -> dict[str, Any]:
    """What each step printed last: a list of objects, whether in one line or one a line."""
    found = {}
    for name in names:
        path = OUT / f"{name}.json"
        if path.exists():
            text = path.read_text()
            found[name] = json.loads(text) if text.startswith(("[", '{"rows"')) else _lines(text)
    return found


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
