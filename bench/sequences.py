"""Many sequences of a stateful model at once, against one at a time: steps a second, through the whole server.

    python bench/sequences.py [--live 1 10 100 1000] [--seconds 3] [--repeats 3] [--json]

Two models: the Keras FAQ's (LSTM of 32 units, windows of 10 steps of 16 features), and two layers of 256 units over
windows of 32. Each live sequence has one row and sends its next step when the one before is answered, over
ModelStreamInfer, 64 sequences a stream; the client shares the machine's cores with the server. One at a time is
what a stateful Keras model does by itself. The cells of a repeat follow one another; ratios are within a repeat.
`rows a batch` is what the server put together. Every answer of the last repeat's first steps is compared with that
of the sequence that ran alone.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
from table import table

from horngate.cli.serving import Serving, serving
from horngate.oip import messages as oip

OUT = Path(__file__).parent / "out" / "sequences"
PATH = f"/{oip.SERVICE}/ModelStreamInfer"
A_STREAM = 64
MODELS = {"faq": (10, 16), "large": (32, 64)}
"""Each model's window: steps and features."""

SAVE = """
import sys
import keras
from keras import layers
folder = sys.argv[1]
keras.utils.set_random_seed(1)
keras.Sequential([
    keras.Input(batch_shape=(32, 10, 16), name="x"),
    layers.LSTM(32, stateful=True),
    layers.Dense(16, activation="softmax"),
]).save(folder + "/faq.keras")
keras.Sequential([
    keras.Input(batch_shape=(1, 32, 64), name="x"),
    layers.LSTM(256, stateful=True, return_sequences=True),
    layers.LSTM(256, stateful=True),
    layers.Dense(16, activation="softmax"),
]).save(folder + "/large.keras")
"""


def request(model: str, number: int, *, start: bool) -> bytes:
    """A step of a sequence; all send the same window, so that all answers are known from one."""
    window = np.random.default_rng(0).normal(size=(1, *MODELS[model])).astype("f4")
    message = oip.ModelInferRequest(model_name=model, id=str(number), raw_input_contents=[window.tobytes()])
    message.inputs.add(name="x", datatype="FP32", shape=window.shape)
    message.parameters["sequence_id"].int64_param = number
    message.parameters["sequence_start"].bool_param = start
    return message.SerializeToString()


class Load:
    """Some live sequences of one model. `first` are the answers to each one's first steps."""

    def __init__(self, model: str, live: int) -> None:
        self.model = model
        self.live = live
        self.answered = 0
        self.first: dict[str, list[bytes]] = {}

    async def run(self, address: str, seconds: float) -> float:
        """Steps a second, once every sequence has begun."""
        numbers = range(1, self.live + 1)
        parts = [numbers[begin : begin + A_STREAM] for begin in range(0, self.live, A_STREAM)]
        async with grpc.aio.insecure_channel(address) as channel:
            tasks = [asyncio.create_task(self._stream(channel, part)) for part in parts]
            while self.answered < self.live:
                await asyncio.sleep(0.01)
            begun, begin_s = self.answered, time.perf_counter()
            await asyncio.sleep(seconds)
            rate = (self.answered - begun) / (time.perf_counter() - begin_s)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return rate

    async def _stream(self, channel: grpc.aio.Channel, numbers: Sequence[int]) -> None:
        stream = channel.stream_stream(PATH)()
        steps = {str(number): request(self.model, number, start=False) for number in numbers}
        for number in numbers:
            await stream.write(request(self.model, number, start=True))
        while True:
            reply = oip.ModelStreamInferResponse.FromString(await stream.read())
            if reply.error_message:
                raise SystemExit(reply.error_message)
            answer = reply.infer_response
            self.answered += 1
            seen = self.first.setdefault(answer.id, [])
            if len(seen) < 3:
                seen.append(answer.raw_output_contents[0])
            await stream.write(steps[answer.id])


def measure(lives: Sequence[int], seconds: float, repeats: int) -> dict[tuple[str, int], list[list[float]]]:
    """By model and live sequences: steps a second and rows a batch of each repeat."""
    models = OUT / "models"
    models.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-c", SAVE, str(models)], check=True)
    found: dict[tuple[str, int], list[list[float]]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(serving(models, workspace=OUT))
        for _ in range(repeats):
            for model in MODELS:
                alone: list[bytes] = []
                for live in lives:
                    before = _batches(server, model)
                    load = Load(model, live)
                    rate = asyncio.run(load.run(server.grpc, seconds))
                    rows, batches = (
                        now - was for now, was in zip(_batches(server, model), before, strict=True)
                    )
                    found.setdefault((model, live), []).append([rate, rows / batches])
                    alone = alone or load.first["1"]
                    _check(load, alone)
    return found


def _check(load: Load, alone: list[bytes]) -> None:
    truth = np.stack([np.frombuffer(answer, "f4") for answer in alone])
    for answers in load.first.values():
        got = np.stack([np.frombuffer(answer, "f4") for answer in answers])
        np.testing.assert_allclose(got, truth[: len(got)], atol=1e-5)


def _batches(server: Serving, model: str) -> tuple[float, float]:
    """Rows and batches so far."""
    connection = HTTPConnection(server.metrics, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()

    def total(name: str) -> float:
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f'{name}{{model="{model}"'))

    return total("horngate_batch_rows_sum"), total("horngate_batch_rows_count")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--live", nargs="+", type=int, default=[1, 10, 100, 1000])
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each cell")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    found = measure(options.live, options.seconds, options.repeats)
    rows = []
    for (model, live), cells in found.items():
        firsts = found[model, options.live[0]]
        ratios = [rate / first for (rate, _), (first, _) in zip(cells, firsts, strict=True)]
        rates, sizes = zip(*cells, strict=True)
        rows.append(
            {
                "model": model,
                "live": live,
                "steps_per_s": statistics.median(rates),
                "rows_a_batch": statistics.median(sizes),
                "ratio": statistics.median(ratios),
            }
        )
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    columns = ("model, live sequences", "steps/s", "rows a batch", f"ratio to {options.live[0]}")
    cells_of = [
        (
            f"{row['model']}, {row['live']:,}",
            f"{row['steps_per_s']:,.0f}",
            f"{row['rows_a_batch']:.1f}",
            f"{row['ratio']:.1f}",
        )
        for row in rows
    ]
    print(table(columns, cells_of))


if __name__ == "__main__":
    main()
