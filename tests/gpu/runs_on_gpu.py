"""Run in a process of its own, with KERAS_BACKEND=jax on a GPU: what the keras engine computes there, and how far
that is from the processor."""

import json
import sys
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np

from horngate.server.agreement import relative_error
from horngate.server.worker.engines.compiled import compiled
from horngate.server.worker.engines.keras import KerasProgram
from horngate.server.worker.engines.lowered import computed_in_bfloat16
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.notes import Note
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.runner import Runner
from horngate.zoo.backend import import_keras
from horngate.zoo.describe import describe
from tests.gpu.networks import convolutions, wide
from tests.server.worker.test_runner import batch_of

keras = import_keras()
TOO_MANY = 20_000


def on_the_processor(model: Any, x: Any) -> Any:
    """The model's answers, computed by JAX on the CPU."""
    cpu = jax.devices("cpu")[0]
    kinds = (model.trainable_variables, model.non_trainable_variables)
    weights = [[jax.device_put(each.value, cpu) for each in kind] for kind in kinds]
    with jax.default_device(cpu):
        return np.asarray(model.stateless_call(*weights, jax.device_put(x, cpu), training=False)[0])


def precisions() -> dict[str, Any]:
    model = convolutions()
    x = np.random.default_rng(1).normal(size=(12, 32, 32, 3)).astype(np.float32)
    expected = on_the_processor(model, x)
    program = KerasProgram(compiled(model, describe(model)), ["x"])
    sizes = [
        np.concatenate([program.run({"x": x[at : at + rows]})[0] for at in range(0, 12, rows)])
        for rows in (1, 3, 4, 12)
    ]
    with jax.default_matmul_precision("tensorfloat32"):
        tf32 = KerasProgram(compiled(model, describe(model)), ["x"]).run({"x": x})[0]
    computed_in_bfloat16(model)
    low = KerasProgram(compiled(model, describe(model)), ["x"])
    return {
        "platform": jax.local_devices()[0].platform,
        "overlaps": program.enqueues,
        "float32": max(relative_error(expected, found) for found in sizes),
        "sizes": max(relative_error(sizes[-1], found) for found in sizes),
        "tf32": relative_error(expected, tf32),
        "bfloat16": relative_error(expected, low.run({"x": x})[0]),
    }


def hunger(folder: Path) -> dict[str, Any]:
    """A batch far beyond the memory: it is run in parts, and what follows runs as before."""
    model = wide()
    program = KerasProgram(compiled(model, describe(model)), ["x"])
    few = np.random.default_rng(2).normal(size=(4, 1)).astype(np.float32)
    before = program.run({"x": few})[0]
    try:
        program.run({"x": np.resize(few, (TOO_MANY, 1))})
        short = False
    except OutOfMemory:
        short = True
    done: SimpleQueue[list[Any]] = SimpleQueue()
    runner = Runner(done.put, Room(lambda: 1 << 40), Patience(Note(folder / "note")))
    batches = [batch_of([rows], program) for rows in (3, TOO_MANY, 5)]
    for batch in batches:
        runner.run(batch)
    parts = [part for _ in batches for part in done.get(timeout=120)]
    return {
        "short": short,
        "faults": [str(part.fault) for part in parts if part.fault is not None],
        "halved": sum(part.halved for part in parts),
        "rows": sum(part.rows for part in parts),
        "errors": max(
            relative_error(
                on_the_processor(
                    model, part.shares[0].work.inputs[0][part.shares[0].start : part.shares[0].stop][:2]
                ),
                part.outputs[0][:2],
            )
            for part in parts
        ),
        "after": float(np.abs(program.run({"x": few})[0] - before).max()),
    }


if __name__ == "__main__":
    told = precisions() if sys.argv[1] == "precisions" else hunger(Path(sys.argv[2]))
    print(json.dumps(told))
