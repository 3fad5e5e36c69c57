"""Every architecture of keras.applications to ONNX: by Horngate, and by Keras's own exporter.

    python bench/convert.py [NAME …] [--memory-gb 14] [--limit-s 600] [--again] [--json]

For each: seconds to convert, the largest difference from Keras in parts of the output's scale, the cut for the
model's outputs in milliseconds, nodes and transposes, and images a second of one core's time on ONNX Runtime and
OpenVINO at 1 and 8 rows, both graphs in one process, turn by turn. Ratios are of Horngate's graph to the
exporter's. Each step is a process of its own, so one may take all memory and fail alone. What is measured lies in
bench/out/convert, and is measured again only with --again: the run can be stopped and taken up. Without names it
is all of them, and the table is of all that lies there.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from exporter import limited
from table import table

OUT = Path(__file__).parent / "out" / "convert"
CHILD = Path(__file__).parent / "convert_child.py"
ENGINES = ("onnxruntime, 1", "onnxruntime, 8", "openvino, 1", "openvino, 8")


def measure(name: str, *, memory_gb: float, limit_s: float) -> dict[str, Any]:
    """All that the table tells about one architecture."""
    folder = OUT / "work" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result: dict[str, Any] = {"name": name, "ours": _step("ours", name, folder)}
    command = [sys.executable, str(CHILD), "exporter", name, str(folder)]
    ended = limited(command, seconds=limit_s, memory_mb=memory_gb * 1000, log=folder / "exporter.log")
    result["theirs"] = _last(folder / "exporter.log") if not ended.why else {}
    result["why"], result["peak_mb"] = ended.why, ended.peak_mb
    if ended.why:
        (folder / "theirs.onnx").unlink(missing_ok=True)
    result["rates"] = _step("engines", name, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _step(step: str, name: str, folder: Path) -> dict[str, Any]:
    log = folder / f"{step}.log"
    with log.open("wb") as output:
        command = [sys.executable, str(CHILD), step, name, str(folder)]
        subprocess.run(command, check=True, stdout=output, stderr=subprocess.STDOUT)
    return _last(log)


def _last(log: Path) -> dict[str, Any]:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _known() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(OUT.glob("*.json"))]


def _conversions(results: list[dict[str, Any]]) -> str:
    columns = ["architecture", "s", "differs by", "cut ms", "nodes", "transposes"]
    columns += ["exporter s", "differs by", "nodes", "transposes"]
    return table(columns, (_conversion(one) for one in results))


def _conversion(one: dict[str, Any]) -> list[str]:
    ours, theirs = one["ours"], one["theirs"]
    row = [one["name"], f"{ours['seconds']:.2f}", f"{ours['difference']:.0e}", f"{ours['cut_ms']:.0f}"]
    row += [str(ours["nodes"]), str(ours["transposes"])]
    if not theirs:
        return [*row, "-", "-", "-", "-"]
    return [
        *row,
        f"{theirs['seconds']:.1f}",
        f"{theirs['difference']:.0e}",
        str(theirs["nodes"]),
        str(theirs["transposes"]),
    ]


def _rates(results: list[dict[str, Any]]) -> str:
    columns = ["architecture"]
    for engine in ENGINES:
        columns += [engine, "ratio"]
    return table(columns, (_rate(one) for one in results))


def _rate(one: dict[str, Any]) -> list[str]:
    row = [one["name"]]
    for engine in ENGINES:
        rates = one["rates"][engine]
        ratio = f"{rates['ours'] / rates['theirs']:.2f}" if "theirs" in rates else "-"
        row += [f"{rates['ours']:.1f}", ratio]
    return row


def _names() -> list[str]:
    """Asked of a child: Keras needs memory that this process keeps free."""
    code = "from horngate.zoo.backend import import_keras; import_keras()\n"
    code += "from horngate.zoo.registry import names; print(*names())"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--memory-gb", type=float, default=14.0, help="where the exporter is stopped")
    parser.add_argument("--limit-s", type=float, default=600.0, help="where the exporter is stopped")
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    parser.add_argument("--table", action="store_true", help="only print what was measured before")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for name in [] if args.table else args.names or _names():
        path = OUT / f"{name}.json"
        if args.again or not path.exists():
            try:
                result = measure(name, memory_gb=args.memory_gb, limit_s=args.limit_s)
            except subprocess.CalledProcessError as error:
                print(f"{name}: {error}; its log lies in {OUT / 'work' / name}", file=sys.stderr, flush=True)
                continue
            path.write_text(json.dumps(result))
            print(f"{name}: {result['why'] or 'measured'}", file=sys.stderr, flush=True)
    results = _known()
    if args.json:
        print(json.dumps(results, indent=2))
        return
    print(_conversions(results), _rates(results), sep="\n\n")
    refused = [[one["name"], f"{one['peak_mb'] / 1000:.1f}", one["why"]] for one in results if one["why"]]
    if refused:
        print("", table(["the exporter failed", "GB at most", "why"], refused), sep="\n")


if __name__ == "__main__":
    main()
