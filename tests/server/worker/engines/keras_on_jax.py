"""Run in a process of its own, with KERAS_BACKEND=jax: what compiles when, and what JAX says of memory."""

import json
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from horngate.server.worker.engines.compiled import compiled
from horngate.server.worker.engines.keras import KerasProgram
from horngate.server.worker.engines.lowered import computed_in_bfloat16
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


def pictures() -> dict[str, Any]:
    """A network of pixels in bfloat16: what goes to the device, what is computed there, and what comes back."""
    keras.utils.set_random_seed(2)
    layers = [keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers, keras.layers.Dense(4, activation="softmax")])
    spec = describe(model)
    pixels = replace(spec, inputs=(replace(spec.inputs[0], datatype="UINT8"),))
    given = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    expected = model.predict(given / np.float32(255), verbose=0)
    computed_in_bfloat16(model)

    def prepare(arrays: list[Any]) -> list[Any]:
        return [keras.ops.cast(arrays[0], "float32") / 255]

    program = KerasProgram(compiled(model, pixels, prepare=prepare), [spec.inputs[0].name])
    inputs = {spec.inputs[0].name: given}
    program.prepare(
        [4], lambda rows: {name: np.resize(array, (rows, 16, 16, 3)) for name, array in inputs.items()}
    )
    rows, staged = program.stage(inputs)
    (outputs,) = program.begin((rows, staged))()
    return {
        "overlaps": program.overlaps,
        "sent": [str(array.dtype) for array in staged],
        "on_device": all(isinstance(array, jax.Array) for array in staged),
        "given_back": str(outputs.dtype),
        "served": compiles(lambda: program.run(inputs)),
        "error": float(np.abs(outputs - expected).max()),
    }


if __name__ == "__main__":
    jax.monitoring.register_event_duration_secs_listener(on_event)
    print(json.dumps(tell() | {"pictures": pictures()}))
