"""float32, bfloat16 and int8 side by side: images a second of the engines alone, and how far from Keras they are.

    python bench/precision.py [--networks mobilenet_v2 resnet50] [--rows 1 8] [--repeats 5] [--json]

The networks have random weights, their batch normalizations fitted to crops of two photographs, so that values have
the sizes that they have in a trained network. int8 is calibrated on other crops than it is compared on. Every
precision and engine runs in turns, in one process; a rate is the fastest of its turns, less what others took of the
cores (`worker/undisturbed.py`). What a CPU does not have is left out.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
from table import table

from horngate.contract.errors import LoadError
from horngate.server.agreement import Agreement
from horngate.server.artifact import Artifact
from horngate.server.builder.main import build
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.report import report_to
from horngate.server.precision import BFLOAT16, FLOAT32, INT8
from horngate.server.settings import available_cores
from horngate.server.worker.engines import Program, engine_named
from horngate.server.worker.undisturbed import undisturbed_s

TRIED = (
    (FLOAT32, "onnxruntime"),
    (FLOAT32, "openvino"),
    (BFLOAT16, "openvino"),
    (INT8, "onnxruntime"),
    (INT8, "openvino"),
)
SIDE = 224
CALIBRATED, COMPARED = 48, 48
TURN_S = 0.4


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way to run a network; `rates` are images a second by rows of a batch, `top1` the classes in common."""

    network: str
    precision: str
    engine: str
    rates: dict[int, float]
    error: float
    top1: float


def crops(count: int, seed: int) -> Any:
    """Pieces of scikit-learn's two photographs, in pixels, of every size."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    generator, photographs = np.random.default_rng(seed), load_sample_images().images
    made = []
    for place in range(count):
        whole = photographs[place % len(photographs)]
        side = int(generator.integers(96, 420))
        top, left = (int(generator.integers(0, size - side)) for size in whole.shape[:2])
        piece = Image.fromarray(whole[top : top + side, left : left + side])
        made.append(np.asarray(piece.resize((SIDE, SIDE))))
    return np.stack(made).astype(np.float32) / 127.5 - 1


def fitted(network: str, pictures: Any) -> Any:
    """The network, its batch normalizations as they are after it has seen these."""
    from horngate.zoo.architectures import build_choice
    from horngate.zoo.backend import import_keras
    from horngate.zoo.registry import read_choice

    keras = import_keras()
    keras.utils.set_random_seed(1)
    model = build_choice(read_choice(network), None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            # As training leaves them: what a block adds to its input is the smaller part.
            if layer.name.endswith(("_3_bn", "project_BN")):
                layer.gamma.assign(keras.ops.full_like(layer.gamma, 0.4))
    model(np.concatenate([pictures, np.zeros_like(pictures[:1])]), training=True)
    return model


def programs(network: str, folder: Path) -> Iterator[tuple[str, str, Program, Any, Any]]:
    """What runs here, with the rows that it is compared on and Keras's answers."""
    model = fitted(network, crops(24, seed=1))
    model.save(folder / "model.keras")
    np.save(folder / "rows.npy", crops(CALIBRATED, seed=2))
    compared = crops(COMPARED, seed=3)
    expected = model.predict(compared, verbose=0)
    artifacts = {precision: built(folder, precision) for precision in (FLOAT32, BFLOAT16, INT8)}
    for precision, engine in TRIED:
        artifact = artifacts[precision]
        names = [spec.name for spec in artifact.spec.outputs]
        try:
            program = engine_named(engine).load(artifact, names, available_cores())
        except LoadError as error:
            print(f"{network}, {precision}: {error}")
            continue
        yield precision, engine, program, compared, expected


def built(folder: Path, precision: str) -> Artifact:
    target = folder / precision
    target.mkdir()
    order = BuildOrder(target=str(target), scratch=str(folder), name="bench", precision=precision)
    build(order, folder / "model.keras", None, folder / "rows.npy" if precision == INT8 else None)
    return Artifact(target)


def measure(network: str, sizes: Sequence[int], repeats: int) -> list[Figures]:
    """Every precision and engine, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        tried = list(programs(network, Path(folder)))
        best: dict[tuple[int, int], float] = {}
        for _, (place, one), rows in itertools.product(range(repeats), enumerate(tried), sizes):
            _, _, program, compared, _ = one
            run = partial(_run, program, compared[:rows])
            if (place, rows) not in best:
                run()  # What is made when a size first comes does not count.
            best[place, rows] = max(rows / undisturbed_s(run, TURN_S), best.get((place, rows), 0.0))
        return [
            _figures(network, one, {rows: best[place, rows] for rows in sizes})
            for place, one in enumerate(tried)
        ]


def _figures(network: str, one: tuple[str, str, Program, Any, Any], rates: dict[int, float]) -> Figures:
    precision, engine, program, compared, expected = one
    outputs = [_run(program, compared[start : start + 8]) for start in range(0, len(compared), 8)]
    found = Agreement.of([expected], [np.concatenate(outputs)])
    return Figures(
        network=network,
        precision=precision,
        engine=engine,
        rates=rates,
        error=found.error,
        top1=found.top1 or 0.0,
    )


def _run(program: Program, rows: Any) -> Any:
    (input_name,) = program._inputs  # type: ignore[attr-defined]
    return program.run({input_name: rows})[0].copy()


def read_options(about: str | None, rows: list[int]) -> argparse.Namespace:
    """What a comparison of networks in batches of several sizes is told; `rows` are those sizes unless given."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["mobilenet_v2", "resnet50"])
    parser.add_argument("--rows", nargs="+", type=int, default=rows, help="sizes of batches")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    return parser.parse_args()


def main() -> None:
    options = read_options(__doc__, rows=[1, 8])
    report_to(sys.stderr)
    for network in options.networks:
        found = measure(network, options.rows, options.repeats)
        if options.json:
            print("\n".join(json.dumps(asdict(each)) for each in found), flush=True)
            continue
        exact = {
            rows: max(each.rates[rows] for each in found if each.precision == FLOAT32)
            for rows in options.rows
        }
        print(table(_headings(options.rows), [_cells(each, exact) for each in found]), flush=True)


def _headings(sizes: Sequence[int]) -> list[str]:
    rates = [f"images/s, {rows} a batch" for rows in sizes]
    return ["network", *rates, *(f"ratio, {rows}" for rows in sizes), "difference", "same class"]


def _cells(each: Figures, exact: dict[int, float]) -> list[Any]:
    rates = [f"{rate:,.1f}" for rate in each.rates.values()]
    ratios = [f"{rate / exact[rows]:.2f}" for rows, rate in each.rates.items()]
    name = f"{each.network}, {each.precision}, {each.engine}"
    return [name, *rates, *ratios, f"{each.error:.1e}", f"{each.top1:.1%}"]


if __name__ == "__main__":
    main()
