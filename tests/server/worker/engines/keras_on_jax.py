"""Run in a process of its own, with KERAS_BACKEND=jax: what compiles when, and what JAX says of memory."""

import json
from typing import Any

import jax
import numpy as np

from horngate.server.worker.engines.compiled import compiled
from horngate.server.worker.engines.keras import KerasProgram
from horngate.zoo.backend import import_keras
from horngate.zoo.describe import describe

keras = import_keras()
COMPILED: list[str] = []
SIZES = (1, 4, 6)


def on_event(event: str, seconds: float, **_: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(event)


def compiles(what: Any) -> int:
    """How often JAX compiles meanwhile."""
    before = len(COMPILED)
    what()
    return len(COMPILED) - before


def batch(rows: int, length: int) -> dict[str, Any]:
    count = rows * length * 3
    return {"x": np.linspace(-1, 1, count, dtype=np.float32).reshape(rows, length, 3)}


def network() -> Any:
    keras.utils.set_random_seed(0)
    x = keras.Input((None, 3), name="x")
    hidden = keras.layers.BatchNormalization()(keras.layers.LSTM(8)(x))
    return keras.Model(x, keras.layers.Dense(200_000, name="wide")(hidden))


def tell() -> dict[str, Any]:
    model = network()
    program = KerasProgram(compiled(model, describe(model)), ["x"])
    lengths = (5, 9)
    before = [program.most_rows(((length, 3),)) for length in lengths]
    prepared = [
        compiles(lambda length=length: program.prepare(SIZES, lambda rows: batch(rows, length)))
        for length in lengths
    ]
    serve = [batch(rows, length) for rows in range(1, 7) for length in lengths]
    served = compiles(lambda: [program.run(inputs) for inputs in serve])
    error = max(
        float(np.abs(program.run(inputs)[0] - np.asarray(model(inputs["x"], training=False))).max())
        for inputs in serve
    )
    return {
        "before": before,
        "prepared": prepared,
        "served": served,
        "error": error,
        "padded": [program.padded(rows, ((9, 3),)) for rows in (1, 2, 4, 5)],
        "most_rows": program.most_rows(((9, 3),)),
        "unknown": compiles(lambda: program.run(batch(1, 7))),
        "analysed": [program.analysed_bytes(batch(rows, 9)) for rows in (1, 4, 6)],
        "weights": sum(int(np.prod(each.shape)) * 4 for each in model.variables),
    }


if __name__ == "__main__":
    jax.monitoring.register_event_duration_secs_listener(on_event)
    print(json.dumps(tell()))
