"""What a layer costs when it is asked for instead of the whole network, through a server.

    python bench/layers.py [--networks mobilenet_v2,resnet50] [--rows 1] [--repeats 20] [--json]

Layers at an eighth, a quarter and half of a network's multiply-adds against the whole, one caller, times in the
engine as the server tells them, in turns. `first` is a layer's first request, whose program is made for it;
`beside` the longest that a request for the whole took meanwhile. Weights are random: only time is asked.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from table import table

from horngate.cli.serving import serving
from horngate.client import Client, LayerSpec, ModelDescription

PARTS = (1 / 8, 1 / 4, 1 / 2)
WARM = 3


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One layer, or the whole network where `layer` is its output. Times in milliseconds, shares of the whole."""

    network: str
    engine: str
    layer: str
    macs_share: float
    compute_ms: float
    speed_up: float
    first_ms: float
    beside_ms: float


def measure(client: Client, network: str, rows: int, repeats: int) -> Iterator[Cost]:
    """Every part and the whole."""
    model = client.describe(network)
    x = np.random.default_rng(1).standard_normal((rows, *_sizes(model))).astype(np.float32)
    whole = model.outputs[0].name
    macs = _up_to(model.layers)
    chosen = [_at(macs, part) for part in PARTS]
    for _ in range(WARM):
        client.predict(network, x)
    first = {layer: _first(client, network, x, layer) for layer in chosen}
    times: dict[str, list[float]] = {layer: [] for layer in (*chosen, whole)}
    for _ in range(repeats):
        for layer, taken in times.items():
            taken.append(client.predict_timed(network, x, layers=layer).timings.compute_s * 1e3)
    medians = {layer: statistics.median(taken) for layer, taken in times.items()}
    for layer, compute_ms in medians.items():
        first_ms, beside_ms = first.get(layer, (0.0, 0.0))
        yield Cost(
            network=network,
            engine=model.engine,
            layer=layer,
            macs_share=macs[layer] / macs[whole],
            compute_ms=compute_ms,
            speed_up=medians[whole] / compute_ms,
            first_ms=first_ms,
            beside_ms=beside_ms,
        )


def _sizes(model: ModelDescription) -> list[int]:
    return [size or 1 for size in model.inputs[0].shape[1:]]


def _up_to(layers: Sequence[LayerSpec]) -> dict[str, int]:
    """Multiply-adds of each layer and of all that it needs."""
    by_name = {output.name: layer for layer in layers for output in layer.outputs}
    needed: dict[str, set[str]] = {}
    for layer in layers:
        reads = {layer.name}.union(*(needed[by_name[name].name] for name in layer.inputs))
        needed[layer.name] = reads
    macs = {layer.name: layer.macs or 0 for layer in layers}
    return {name: sum(macs[one] for one in parts) for name, parts in needed.items()}


def _at(macs: dict[str, int], part: float) -> str:
    """The layer whose own part of the network is nearest to this."""
    most = max(macs.values())
    return min(macs, key=lambda name: abs(macs[name] / most - part))


def _first(client: Client, network: str, x: Any, layer: str) -> tuple[float, float]:
    """Milliseconds of a layer's first request, and of the slowest request for the whole meanwhile."""
    done, waits = threading.Event(), [0.0]

    def go_on() -> None:
        while not done.is_set():
            begin = time.perf_counter()
            client.predict(network, x)
            waits.append((time.perf_counter() - begin) * 1e3)

    other = threading.Thread(target=go_on)
    other.start()
    begin = time.perf_counter()
    client.predict(network, x, layers=layer, timeout=120)
    took_ms = (time.perf_counter() - begin) * 1e3
    done.set()
    other.join()
    return took_ms, max(waits)


def main() -> None:
    """Serve the networks, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="mobilenet_v2,resnet50")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "models").mkdir()
        arguments = ("--zoo", options.networks, "--zoo-weights", "none")
        with (
            serving(
                workspace / "models", workspace=workspace, arguments=arguments, ready_timeout_s=900
            ) as server,
            Client(server.grpc) as client,
        ):
            names = options.networks.split(",")
            found = [cost for name in names for cost in measure(client, name, options.rows, options.repeats)]
    if options.json:
        return print("\n".join(json.dumps(asdict(cost)) for cost in found))
    columns = ["network, layer", "MACs", "engine ms", "speed-up", "first ms", "beside ms"]
    print(table(columns, map(_row, found)))


def _row(cost: Cost) -> list[str]:
    made = [f"{cost.first_ms:.0f}", f"{cost.beside_ms:.0f}"] if cost.first_ms else ["", ""]
    name = f"{cost.network} on {cost.engine}, {cost.layer}"
    return [name, f"{cost.macs_share:.0%}", f"{cost.compute_ms:.1f}", f"{cost.speed_up:.1f}", *made]


if __name__ == "__main__":
    main()
