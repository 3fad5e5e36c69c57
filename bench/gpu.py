"""A network served on the engine `keras` with JAX, against the same network jitted in a loop in process.

    python bench/gpu.py [--network resnet50] [--device gpu:0] [--precision bfloat16] [--rows 8 32 128] [--json]

For a machine with a GPU and `pip install 'horngate[gpu]'`; `--device cpu --network NAME` tries it anywhere:

1. `jax.jit` of the network, in a process of its own: float32 images in the device's memory, or copied there for
   each call (`fed`), at several batch sizes; two calls are under way at a time;
2. the server under a closed loop of h2load, one picture a request: its uint8 pixels, or float32 as the network
   takes them. Its batches are no larger than the loop's.

Images a second, and the ratio to the best of the loop. The aim on a GPU is 0.9.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from h2load import load
from messages import infer_message
from table import table

from horngate.cli.serving import serving
from horngate.server.precision import BFLOAT16, FLOAT32

OUT = Path(__file__).parent / "out" / "gpu"
NAME = "network"
READY_S = 1800.0
LOADS = ((1, 8), (4, 16))
"""Connections, and calls under way on each."""


def loop(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What the jitted network does by itself; runs in a process with KERAS_BACKEND=jax."""
    from horngate.zoo.architectures import build_choice
    from horngate.zoo.backend import import_keras
    from horngate.zoo.registry import read_choice

    import_keras()
    import jax

    model = build_choice(read_choice(options.network), None)
    if options.precision == BFLOAT16:
        from horngate.server.worker.engines.lowered import computed_in_bfloat16

        computed_in_bfloat16(model)
    weights = [
        [each.value for each in kind] for kind in (model.trainable_variables, model.non_trainable_variables)
    ]
    call = jax.jit(lambda held, images: model.stateless_call(*held, images, training=False)[0])
    for rows in options.rows:
        images = np.random.default_rng(0).random((rows, *model.input_shape[1:]), np.float32)
        there = jax.device_put(images)
        for kind, given in (("resident", there), ("fed", images)):
            yield {"kind": kind, "rows": rows, "images_per_s": _rate(call, weights, given, options.seconds)}


def _rate(call: Any, weights: Any, images: Any, seconds: float) -> float:
    import jax

    jax.block_until_ready(call(weights, images))
    runs, start, results = 0, time.perf_counter(), None
    while time.perf_counter() - start < seconds:
        before, results = results, call(weights, images)
        jax.block_until_ready(before)  # Two are under way, no more.
        runs += 1
    jax.block_until_ready(results)
    return runs * len(images) / (time.perf_counter() - start)


def in_own_process(options: argparse.Namespace) -> list[dict[str, Any]]:
    """`loop`, where nothing else is on the device."""
    command = [sys.executable, __file__, "--loop", *_passed_on(options)]
    done = subprocess.run(command, env=_environment(options), check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def served(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The server's rates."""
    models = OUT / "models"
    (models / NAME).mkdir(parents=True, exist_ok=True)
    bound = "max_error = 0.5\n" if options.precision != FLOAT32 else ""  # random weights exaggerate it
    (models / NAME / "model.toml").write_text(
        f'source = "zoo:{options.network}"\nweights = "none"\nengine = "keras"\n'
        f'precision = "{options.precision}"\nmax_rows = {max(options.rows)}\n{bound}'
    )
    os.environ |= _environment(options)
    arguments = ["--devices", options.device]
    with serving(models, workspace=OUT, arguments=arguments, ready_timeout_s=READY_S) as server:
        [folder] = {path.parent for path in (OUT / "cache").rglob("spec.json")}
        manifest = json.loads((folder / "spec.json").read_text())
        for kind, dtype in (("pixels", np.uint8), ("float32", np.float32)):
            message = _request(manifest, dtype)
            for connections, streams in LOADS:
                seen = load(
                    server.grpc, message, connections=connections, streams=streams, seconds=options.seconds
                )
                yield {
                    "kind": f"{kind}, {connections * streams} at once",
                    "images_per_s": seen.requests_per_s,
                    "p99_ms": seen.p99_ms,
                }


def _request(manifest: dict[str, Any], dtype: Any) -> bytes:
    [spec] = manifest["model"]["inputs"]
    image = np.random.default_rng(0).integers(0, 256, (1, *spec["shape"][1:])).astype(dtype)
    return infer_message(NAME, spec["name"], image)


def _environment(options: argparse.Namespace) -> dict[str, str]:
    platform = {"JAX_PLATFORMS": "cpu"} if options.device.startswith("cpu") else {}
    return {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", **platform}


def _passed_on(options: argparse.Namespace) -> Sequence[str]:
    rows = map(str, options.rows)
    told = ["--network", options.network, "--device", options.device, "--precision", options.precision]
    return [*told, "--seconds", str(options.seconds), "--rows", *rows]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--device", default="gpu:0")
    parser.add_argument("--precision", choices=(FLOAT32, BFLOAT16), default=BFLOAT16)
    parser.add_argument("--rows", nargs="+", type=int, default=[8, 32, 128])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    if options.loop:
        for figure in loop(options):
            print(json.dumps(figure), flush=True)
        return
    figures = [*in_own_process(options), *served(options)]
    best = max(figure["images_per_s"] for figure in figures if "rows" in figure)
    for figure in figures:
        figure["ratio"] = figure["images_per_s"] / best
    if options.json:
        print("\n".join(map(json.dumps, figures)))
        return
    rows = [
        [
            f"in a loop, {each['kind']}, {each['rows']} a batch"
            if "rows" in each
            else f"served, {each['kind']}",
            f"{each['images_per_s']:,.1f}",
            f"{each['p99_ms']:,.1f}" if "p99_ms" in each else "",
            f"{each['ratio']:.2f}",
        ]
        for each in figures
    ]
    print(table([f"{options.network}, {options.precision}", "images/s", "p99 ms", "ratio"], rows))


if __name__ == "__main__":
    main()
