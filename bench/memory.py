"""Predicted against measured peak memory of every network, on every engine, at several batch sizes.

    python bench/memory.py [--networks mlp lstm] [--engines onnxruntime openvino] [--rows 1 8 32 64] [--json]

Predicted: what a server finds when it loads the model, in a process of its own: the program's bytes, and its
memory model's bytes for a batch. Measured: a fresh process for each row of the table (the largest of three for what
takes less than 64 MiB) loads the program, runs one row, then three batches as a worker does (its inputs merged, the
next batch's merged beside them, its outputs copied), and tells how far its resident memory rose at the most over
what it was before the program was loaded.
The truth is that growth: weights, engine and batch, everything that the server's budget has to cover; Python and
the engines' libraries are not in it. The three columns after the network are the largest batch's own part, over
the loaded program.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from table import table

from horngate.server import memory
from horngate.server.artifact import FORMAT, Artifact
from horngate.server.settings import available_cores
from horngate.server.supervisor.children import environment, worker_environment
from horngate.server.supervisor.seats import KERAS, ONNX
from horngate.server.worker.calibration import probe_program
from horngate.server.worker.engines import EngineChoice, engine_named, program_for
from horngate.server.worker.liveness import estimated_row_bytes
from horngate.server.worker.probe import Guard, measure, resident_idle_bytes, warm
from horngate.server.worker.reference import Reference

OUT = Path(__file__).parent.absolute() / "out" / "memory"
NETWORKS = ("mlp", "mobilenet_v2", "resnet50", "vgg16", "lstm")
APART = "+parts"
"""An engine of this ending runs its batches in parts side by side."""

ENGINES = ("onnxruntime", f"onnxruntime{APART}", "openvino", f"openvino{APART}", "keras")
FREE_SIZE = 64
SMALL_BYTES = 64 << 20
SMALL_REPEATS = 3
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One network on one engine at one batch size; bytes over a process without the program."""

    network: str
    engine: str
    rows: int
    predicted: int
    measured: int
    predicted_batch: int
    measured_batch: int

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured


def compare(network: str, engine: str, rows: Sequence[int]) -> Iterator[Comparison]:
    """Predict in one process, measure each size in others."""
    predicted = _in_fresh_process("predict", network, engine, *map(str, rows))
    for count, (total, batch) in zip(rows, predicted, strict=True):
        measured, measured_batch = max(_truths(network, engine, count))
        yield Comparison(
            network=network,
            engine=engine,
            rows=count,
            predicted=total,
            measured=measured,
            predicted_batch=batch,
            measured_batch=measured_batch,
        )


def _truths(network: str, engine: str, rows: int) -> Iterator[tuple[int, int]]:
    """What fresh processes tell: several of a small network, where one huge page more or less is a tenth."""
    for _ in range(SMALL_REPEATS):
        truth = _in_fresh_process("measure", network, engine, str(rows))[0]
        yield truth
        if truth[0] > SMALL_BYTES:
            return


def predict(network: str, engine: str, rows: Sequence[int]) -> list[tuple[int, int]]:
    """What a worker would say: bytes in all, and those of the batch."""
    artifact, reference, choice = _subject(network, engine)
    guard = Guard(
        room_bytes=memory.available_bytes() // 2,
        row_bytes=estimated_row_bytes(artifact.spec, FREE_SIZE),
        weights_bytes=0,
        alone=nullcontext,
    )
    _, program_bytes, _, model = probe_program(artifact, choice, reference, guard)
    return [(program_bytes + model.bytes(count), model.bytes(count)) for count in rows]


def measured(network: str, engine: str, rows: int) -> tuple[int, int]:
    """The truth: the peak growth over the process before the program, and over the loaded program."""
    artifact, reference, choice = _subject(network, engine)
    memory.trim()
    before = memory.resident_bytes()
    outputs = [spec.name for spec in artifact.spec.outputs]
    program = program_for(choice, artifact, outputs)
    warm(program, reference)
    loaded = resident_idle_bytes(program)
    _, batch = measure(program, reference.rows(rows), loaded)
    return loaded - before + batch, batch


def _subject(network: str, engine: str) -> tuple[Artifact, Reference, EngineChoice]:
    """The artifact, with the engine's library in memory already."""
    artifact = Artifact(OUT / "artifacts" / network)
    name = engine.removesuffix(APART)
    engine_named(name)
    if name == "keras":
        from horngate.zoo.backend import import_keras

        import_keras()
        import tensorflow as tf

        tf.zeros(1)  # It is whole only after its first operation.
    choice = EngineChoice(engine=name, threads=available_cores(), apart=engine != name)
    return artifact, Reference.read(artifact), choice


def build(network: str) -> None:
    """The artifact of a network of the zoo with random weights, or of one of two small ones."""
    kept = Artifact(OUT / "artifacts" / network)
    if kept.is_whole and kept.manifest["format"] == FORMAT:
        return
    import hashlib

    from horngate.server.builder.order import BuildOrder

    scratch = OUT / "scratch"
    shutil.rmtree(kept.folder, ignore_errors=True)
    for folder in (scratch, kept.folder):
        folder.mkdir(parents=True, exist_ok=True)
    order = {"target": str(OUT / "artifacts" / network), "scratch": str(scratch), "name": network}
    if network in ("mlp", "lstm"):
        path = OUT / f"{network}.keras"
        _small(network).save(path)
        order |= {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    else:
        order |= {"zoo": network, "weights": "none"}
    subprocess.run(
        [sys.executable, "-m", "horngate.server.builder.main"],
        input=BuildOrder(**order).to_json().encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    if not Artifact(OUT / "artifacts" / network).is_whole:
        raise RuntimeError(f"{network} could not be built")


def _small(network: str):  # type: ignore[no-untyped-def]
    import keras
    from keras import layers

    if network == "mlp":
        stack = [keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(10, "softmax")]
    else:
        stack = [
            keras.Input((100, 64)),
            layers.LSTM(256, return_sequences=True),
            layers.LSTM(128),
            layers.Dense(10),
        ]
    return keras.Sequential(stack)


def _in_fresh_process(what: str, network: str, engine: str, *rows: str) -> list[tuple[int, int]]:
    family = KERAS if engine == "keras" else ONNX
    done = subprocess.run(
        [sys.executable, __file__, "--child", what, network, engine, *rows],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
        env=environment() | worker_environment(family) | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return [tuple(pair) for pair in json.loads(done.stdout.splitlines()[-1])]


def _child(what: str, network: str, engine: str, *rows: str) -> None:
    np.random.default_rng(0)
    counts = [int(count) for count in rows]
    found = predict(network, engine, counts) if what == "predict" else [measured(network, engine, counts[0])]
    print(json.dumps(found), flush=True)
    os._exit(0)  # TensorFlow takes its time to leave.


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        return _child(*sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 8, 32, 64])
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    found = []
    for network in options.networks:
        build(network)
        for engine in options.engines:
            for each in compare(network, engine, options.rows):
                found.append(each)
                if options.json:
                    print(json.dumps(asdict(each) | {"ratio": each.ratio}), flush=True)
                else:
                    print(f"{network} on {engine}, {each.rows} rows: {each.ratio:.3f}", file=sys.stderr)
    if not options.json:
        print(_table(found))
    low, high = min(each.ratio for each in found), max(each.ratio for each in found)
    print(f"\npredicted over measured: {low:.3f} to {high:.3f}; wanted: 1.000 to 1.150", file=sys.stderr)


def _table(found: Sequence[Comparison]) -> str:
    columns = ["network, engine", "rows", "batch predicted MiB", "measured MiB", "all predicted MiB"]
    columns += ["measured MiB", "ratio"]
    rows = [
        [
            f"{each.network}, {each.engine}",
            each.rows,
            f"{each.predicted_batch / MIB:,.1f}",
            f"{each.measured_batch / MIB:,.1f}",
            f"{each.predicted / MIB:,.1f}",
            f"{each.measured / MIB:,.1f}",
            f"{each.ratio:.3f}",
        ]
        for each in found
    ]
    return table(columns, rows)


if __name__ == "__main__":
    main()
