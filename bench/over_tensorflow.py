"""How much faster than TensorFlow the engines are by themselves: the limit of what a server on them can be.

    python bench/over_tensorflow.py [--networks mobilenet_v2 resnet50] [--rows 1 8 32] [--repeats 5] [--json]

`tf.function` on the Keras model, and the server's engines on what it builds of the same file, on all cores, in
turns in one process, each as the server could set it: all cores on each layer, or a batch's rows in parts side by
side. A time is the least of its turns, on a machine that does nothing else, as the server tells that
(`worker/undisturbed.py`).
"""

import itertools
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
from precision import built, crops, fitted, read_options
from table import table

from horngate.contract.errors import LoadError
from horngate.server.builder.report import report_to
from horngate.server.precision import BFLOAT16, FLOAT32
from horngate.server.settings import available_cores
from horngate.server.worker.engines import EngineChoice, program_for
from horngate.server.worker.undisturbed import undisturbed_s

TENSORFLOW = "tf.function"
ENGINES = ((FLOAT32, "onnxruntime"), (FLOAT32, "openvino"), (BFLOAT16, "openvino"))
TURN_S = 0.3

Run = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way to run a network: images a second by rows of a batch, and over `tf.function` at the same size."""

    network: str
    way: str
    precision: str
    rates: Mapping[int, float]
    ratios: Mapping[int, float]


def ways(network: str, folder: Path) -> Iterator[tuple[str, str, Run]]:
    """What runs here: its precision, its name, and how."""
    import tensorflow as tf

    model = fitted(network, crops(24, seed=1))
    model.save(folder / "model.keras")
    function = tf.function(lambda rows: model(rows, training=False))
    yield FLOAT32, TENSORFLOW, lambda rows: function(tf.convert_to_tensor(rows)).numpy()
    artifacts = {precision: built(folder, precision) for precision in (FLOAT32, BFLOAT16)}
    for (precision, engine), apart in itertools.product(ENGINES, (False, True)):
        artifact = artifacts[precision]
        choice = EngineChoice(engine=engine, threads=available_cores(), apart=apart)
        try:
            program = program_for(choice, artifact, [spec.name for spec in artifact.spec.outputs])
        except LoadError as error:
            print(f"{network}, {precision}: {error}")
            continue
        [name] = [spec.name for spec in artifact.spec.inputs]
        yield precision, str(choice), lambda rows, run=program.run, name=name: run({name: rows})


def measure(network: str, sizes: Sequence[int], repeats: int) -> list[Figures]:
    """Every way, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        tried = list(ways(network, Path(folder)))
        pictures = {rows: np.resize(crops(8, seed=3), (rows, 224, 224, 3)) for rows in sizes}
        took_s: dict[tuple[str, str, int], float] = {}
        for _, rows, (precision, way, run) in itertools.product(range(repeats), sizes, tried):
            key = (precision, way, rows)
            if key not in took_s:
                run(pictures[rows])  # What is made when a size first comes does not count.
            once_s = undisturbed_s(partial(run, pictures[rows]), TURN_S)
            took_s[key] = min(once_s, took_s.get(key, math.inf))
        return [
            Figures(
                network=network,
                way=way,
                precision=precision,
                rates={rows: rows / took_s[precision, way, rows] for rows in sizes},
                ratios={
                    rows: took_s[FLOAT32, TENSORFLOW, rows] / took_s[precision, way, rows] for rows in sizes
                },
            )
            for precision, way, _ in tried
        ]


def limits(found: Sequence[Figures]) -> Iterator[str]:
    """The best rate of a precision at any size, over the best of `tf.function` at any."""
    best = {each.way: max(each.rates.values()) for each in found if each.way == TENSORFLOW}[TENSORFLOW]
    for precision in (FLOAT32, BFLOAT16):
        ours = [each for each in found if each.precision == precision and each.way != TENSORFLOW]
        if ours:
            fastest = max(ours, key=lambda each: max(each.rates.values()))
            rate = max(fastest.rates.values())
            yield f"{fastest.network}, {precision}: {fastest.way} {rate:,.1f} / {best:,.1f} = {rate / best:.2f}"


def main() -> None:
    options = read_options(__doc__, rows=[1, 8, 32])
    report_to(sys.stderr)
    for network in options.networks:
        found = measure(network, options.rows, options.repeats)
        if options.json:
            print("\n".join(json.dumps(asdict(each)) for each in found), flush=True)
            continue
        print(table(_headings(options.rows), map(_cells, found)), end="\n\n")
        print("\n".join(limits(found)), end="\n\n", flush=True)


def _headings(sizes: Sequence[int]) -> list[str]:
    rates = [f"images/s, {rows} a batch" for rows in sizes]
    return ["network", *rates, *(f"ratio, {rows}" for rows in sizes)]


def _cells(each: Figures) -> list[str]:
    rates = [f"{rate:,.1f}" for rate in each.rates.values()]
    return [
        f"{each.network}, {each.precision}, {each.way}",
        *rates,
        *map("{:.2f}".format, each.ratios.values()),
    ]


if __name__ == "__main__":
    main()
