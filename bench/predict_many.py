"""What pipelining brings: `predict_many` against `predict` called again and again, on one server, in one run.

    python bench/predict_many.py [--rows 20000] [--repeats 5] [--json]

A network of the benchmarks (`mlp.py`) is served; its rows come from an HDF5 file and the answers go into one. The
ways take turns, so that a machine that slows down slows all of them. Ratios are to `predict` on batches as large as
`predict_many`'s own; `one row` sends each row by itself, of fewer rows. Client and server share the cores.
"""

import argparse
import json
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from made import made
from table import table

from horngate.cli.serving import serving
from horngate.client import Client

OUT = Path(__file__).parent / "out" / "predict_many"
PIXELS = 784


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to predict on the rows of a dataset; `rows` of them, since one by one takes long."""

    name: str
    rows: int
    run: Callable[[Client, Any, Any], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The median of the repeats, and its ratio to predict with the same batches in the same repeat."""

    way: str
    rows_per_s: float
    ratio: float


def one_by_one(batch_rows: int) -> Callable[[Client, Any, Any], None]:
    """Batches with `predict`, each after the one before."""

    def run(client: Client, rows: Any, out: Any) -> None:
        for first in range(0, len(out), batch_rows):
            last = min(first + batch_rows, len(out))
            out[first:last] = client.predict("mlp", rows[first:last])

    return run


def many(batch_rows: int, in_flight: int) -> Callable[[Client, Any, Any], None]:
    """The same batches with `predict_many`."""

    def run(client: Client, rows: Any, out: Any) -> None:
        rows = rows if len(rows) == len(out) else rows[: len(out)]
        client.predict_many("mlp", rows, out=out, batch_rows=batch_rows, in_flight=in_flight)

    return run


def ways(rows: int, batch_rows: int) -> list[Way]:
    """The first of each batch size is what the others of it are compared with."""
    few = max(64, rows // 20)
    return [
        Way(name="1 row, predict", rows=few, run=one_by_one(1)),
        *(Way(name=f"1 row, predict_many, {n} in flight", rows=few, run=many(1, n)) for n in (4, 16)),
        Way(name=f"{batch_rows} rows, predict", rows=rows, run=one_by_one(batch_rows)),
        *(
            Way(name=f"{batch_rows} rows, predict_many, {n} in flight", rows=rows, run=many(batch_rows, n))
            for n in (1, 2, 4, 8)
        ),
    ]


def measure(client: Client, file: h5py.File, options: argparse.Namespace) -> list[Result]:
    """All ways, `repeats` times in turn."""
    every = ways(options.rows, options.batch_rows)
    rates: dict[str, list[float]] = {way.name: [] for way in every}
    for _ in range(options.repeats):
        for way in every:
            out = file.require_dataset(way.name, (way.rows, 10), "f4")
            began_s = time.perf_counter()
            way.run(client, file["rows"], out)
            rates[way.name].append(way.rows / (time.perf_counter() - began_s))
    reference = {way.name: way.name.partition(",")[0] + ", predict" for way in every}
    return [
        Result(
            way=name,
            rows_per_s=statistics.median(found),
            ratio=statistics.median(a / b for a, b in zip(found, rates[reference[name]], strict=True)),
        )
        for name, found in rates.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batch-rows", type=int, default=334, help="a megabyte, as by default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object a way instead of the table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by it too, we stop our server
    models = OUT / "models"
    made("mlp", models / "mlp.h5")
    rows = np.random.default_rng(0).random((options.rows, PIXELS), np.float32)
    with (
        serving(models, workspace=OUT) as server,
        Client(server.grpc) as client,
        h5py.File(OUT / "rows.h5", "w") as file,
    ):
        file.create_dataset("rows", data=rows, chunks=(64, PIXELS))
        client.predict("mlp", rows[:1])
        results = measure(client, file, options)
    if options.json:
        print("\n".join(json.dumps(asdict(result)) for result in results))
        return
    print(
        table(
            ["way", "rows/s", "ratio"], [(r.way, f"{r.rows_per_s:,.0f}", f"{r.ratio:.2f}") for r in results]
        )
    )


if __name__ == "__main__":
    main()
