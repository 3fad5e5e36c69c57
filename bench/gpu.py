"""A network served on the engine `keras` with JAX, against the same network jitted in a loop in process.

    python bench/gpu.py [--network resnet50] [--device gpu:0] [--precision bfloat16] [--rows 32 128] [--json]

For a machine with a GPU and `pip install 'horngate[gpu]'`; `--device cpu --network NAME` tries it anywhere:

1. `jax.jit` of the network, in a process of its own: float32 images in the device's memory, or copied there for
   each call (`fed`), at several batch sizes; two calls are under way at a time;
2. the server under a closed loop of h2load: pictures as uint8 pixels in the message or in shared memory, one a
   request or more, or one as the float32 that the network takes. Its batches are no larger than the loop's;
3. the worker's own thread in a process of its own, given whole batches of single pictures without any gRPC.

Images a second, and the ratio to the best of the loop. The aim on a GPU is 0.9. `gateways`, `worker` and `load` are
the cores that each kept busy. `at once` counts pictures; ended early, it prints what it has.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import gpu_alone
import grpc
import numpy as np
from h2load import Load, closed_loop, grpc_post
from messages import infer_message
from processes import tree_cpu_s
from regions import pointing_message, region
from table import table

from horngate.cli.serving import Serving, serving
from horngate.server.precision import BFLOAT16, FLOAT32

OUT = Path(__file__).parent / "out" / "gpu"
NAME, REGION = "network", "pictures"
READY_S = 1800.0
LEAST_REQUESTS = 6
"""Under way at once, whatever their size: batches that wait while others run, and are taken in."""

PROCESSES = 4
"""Of h2load, each on one core: pictures are large."""


def in_own_process(options: argparse.Namespace, part: str) -> list[dict[str, Any]]:
    """A part of `gpu_alone`, where nothing else is on the device."""
    command = [sys.executable, __file__, "--part", part, *_passed_on(options)]
    done = subprocess.run(command, env=_environment(options), check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def served(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The server's rates."""
    workspace = _workspace(options)
    models = workspace / "models"
    (models / NAME).mkdir(parents=True, exist_ok=True)
    bound = "max_error = 0.5\n" if options.precision != FLOAT32 else ""  # random weights exaggerate it
    (models / NAME / "model.toml").write_text(
        f'source = "zoo:{options.network}"\nweights = "none"\nengine = "keras"\n'
        f'precision = "{options.precision}"\nmax_rows = {max(options.rows)}\n'
        f"instances = {options.instances}\n{bound}"
    )
    os.environ |= _environment(options)
    arguments = ["--devices", options.device, "--shared-memory"]
    arguments += ["--gateways", str(options.gateways)] if options.gateways else []
    begin = time.monotonic()
    with serving(models, workspace=workspace, arguments=arguments, ready_timeout_s=READY_S) as server:
        print(f"ready after {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)
        name, image = _image(workspace)
        if options.few:
            yield from _rates(server, "pixels", infer_message(NAME, name, image), options, options.few)
        for rows in options.request_rows:
            yield from _pixels(server, name, np.repeat(image, rows, axis=0), options)
        if options.float32:
            as_float = infer_message(NAME, name, image.astype(np.float32))
            yield from _rates(server, "float32", as_float, options)
        print(_told(server), file=sys.stderr, flush=True)


def _pixels(server: Serving, name: str, images: Any, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Pictures as pixels, so many a request, through the message and through shared memory."""
    rows = len(images)
    kind = "pixels" if rows == 1 else f"pixels, {rows} a request"
    with region(server, REGION, images):
        pointing = pointing_message(NAME, name, images, REGION)
        yield from _rates(server, f"{kind}, shared memory", pointing, options, rows=rows)
    yield from _rates(server, kind, infer_message(NAME, name, images), options, rows=rows)


def _rates(
    server: Serving,
    kind: str,
    message: bytes,
    options: argparse.Namespace,
    at_once: Sequence[int] = (),
    rows: int = 1,
) -> Iterator[dict[str, Any]]:
    for many in at_once or (options.at_once,):
        requests = max(LEAST_REQUESTS, many // rows)
        _load(server, message, requests, 1.0)
        before = tree_cpu_s(server.pid)
        seen = _load(server, message, requests, options.seconds)
        after = tree_cpu_s(server.pid)
        yield {
            "kind": f"served, {kind}, {requests * rows} at once",
            "images_per_s": seen.requests_per_s * rows,
            "p50_ms": seen.p50_ms,
            "p99_ms": seen.p99_ms,
            "gateways": (after["gateway"] - before["gateway"]) / seen.seconds,
            "worker": (after["worker"] - before["worker"]) / seen.seconds,
            "load": seen.cpu_s / seen.seconds,
        }


def _load(server: Serving, message: bytes, many: int, seconds: float) -> Load:
    """A closed loop; RuntimeError unless all are answered with probabilities."""
    _answered(server, message)
    processes = min(PROCESSES, many)
    streams = max(1, many // (16 * processes))
    return closed_loop(
        grpc_post(server.grpc, message),
        connections=many // streams,
        streams=streams,
        seconds=seconds,
        processes=processes,
    )


def _answered(server: Serving, message: bytes) -> None:
    """h2load sees HTTP's status alone: RpcError if gRPC's is not OK."""
    with grpc.insecure_channel(server.grpc) as channel:
        channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(message, timeout=60)


def _image(workspace: Path) -> tuple[str, Any]:
    """The input's name, and one picture's pixels."""
    [folder] = {path.parent for path in (workspace / "cache").rglob("spec.json")}
    [spec] = json.loads((folder / "spec.json").read_text())["model"]["inputs"]
    return spec["name"], np.random.default_rng(0).integers(0, 256, (1, *spec["shape"][1:]), np.uint8)


def _told(server: Serving) -> str:
    """What the server says of its model and its batches."""
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    wanted = re.compile(r"horngate_\w*(batch|dispatch|cap|memory|error|device|padd|compute|queue)\w*[{ ]")
    return "\n".join(line for line in lines if wanted.match(line))


def _workspace(options: argparse.Namespace) -> Path:
    return OUT / f"{options.network}-{options.precision}"


def _environment(options: argparse.Namespace) -> dict[str, str]:
    platform = {"JAX_PLATFORMS": "cpu"} if options.device.startswith("cpu") else {}
    return {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", **platform}


def _passed_on(options: argparse.Namespace) -> Sequence[str]:
    rows = map(str, options.rows)
    told = ["--network", options.network, "--device", options.device, "--precision", options.precision]
    return [*told, "--seconds", str(options.seconds), "--rows", *rows]


def _part(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.part == "loop":
        return gpu_alone.loop(options.network, options.precision, options.rows, options.seconds)
    return gpu_alone.worker(_workspace(options) / "cache", options.rows, options.seconds)


def _figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.served_only:
        yield from served(options)
        return
    yield from in_own_process(options, "loop")
    yield from served(options)
    yield from in_own_process(options, "worker")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--device", default="gpu:0")
    parser.add_argument("--precision", choices=(FLOAT32, BFLOAT16), default=BFLOAT16)
    parser.add_argument("--rows", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--at-once", type=int, default=768, help="requests under way at the most")
    parser.add_argument("--gateways", type=int, default=0, help="of the server; 0: one for four cores")
    parser.add_argument("--few", nargs="*", type=int, default=[8, 64], help="fewer under way, besides")
    parser.add_argument(
        "--request-rows", nargs="+", type=int, default=[1, 8, 32, 128], help="pictures a request"
    )
    parser.add_argument("--float32", action="store_true", help="float32 pictures, too")
    parser.add_argument("--instances", type=int, default=1, help="workers on the device")
    parser.add_argument("--served-only", action="store_true", help="without the loop, and so without ratios")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--part", choices=("loop", "worker"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    if options.part:
        for figure in _part(options):
            print(json.dumps(figure), flush=True)
        return
    figures: list[dict[str, Any]] = []
    try:
        for figure in _figures(options):
            print(json.dumps(figure), file=sys.stderr, flush=True)
            figures.append(figure)
    finally:  # What there is, is told.
        _tell(options, figures)


def _tell(options: argparse.Namespace, figures: list[dict[str, Any]]) -> None:
    best = max((figure["images_per_s"] for figure in figures if "rows" in figure), default=float("nan"))
    for figure in figures:
        figure |= {"ratio": figure["images_per_s"] / best, "network": options.network}
        figure["precision"] = options.precision
    print("\n".join(map(json.dumps, figures)) if options.json else _table(options, figures))


def _table(options: argparse.Namespace, figures: Sequence[dict[str, Any]]) -> str:
    titles = ("images/s", "p50 ms", "p99 ms", "gateways", "worker", "load", "ratio")
    names = ("images_per_s", "p50_ms", "p99_ms", "gateways", "worker", "load", "ratio")
    formats = ("{:,.0f}", "{:,.1f}", "{:,.1f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.2f}")
    rows = [
        [each["kind"]]
        + [form.format(each[name]) if name in each else "" for name, form in zip(names, formats, strict=True)]
        for each in figures
    ]
    return table([f"{options.network}, {options.precision}", *titles], rows)


if __name__ == "__main__":
    main()
