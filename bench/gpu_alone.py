"""What a network does on a device without a server: jitted in a loop, and on the worker's thread without gRPC.

Each runs in a process of its own, with KERAS_BACKEND=jax; see gpu.py.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import numpy as np

from horngate.server.precision import BFLOAT16

Figure = dict[str, Any]


def loop(network: str, precision: str, sizes: Sequence[int], seconds: float) -> Iterator[Figure]:
    """The jitted network's rates: float32 images that are on the device, or go there for each call.

    float32 is computed as the server has it computed: a GPU would else multiply in TF32.
    """
    from horngate.server.worker.engines.ahead import in_full_precision
    from horngate.zoo.architectures import build_choice
    from horngate.zoo.backend import import_keras
    from horngate.zoo.registry import read_choice

    import_keras()
    import jax

    model = build_choice(read_choice(network), None)
    if precision == BFLOAT16:
        from horngate.server.worker.engines.lowered import computed_in_bfloat16

        computed_in_bfloat16(model)
    variables = (model.trainable_variables, model.non_trainable_variables)
    weights = [[each.value for each in kind] for kind in variables]
    call = jax.jit(lambda held, images: model.stateless_call(*held, images, training=False)[0])
    for rows in sizes:
        images = np.random.default_rng(0).random((rows, *model.input_shape[1:]), np.float32)
        for kind, given in (("resident", jax.device_put(images)), ("fed", images)):
            with in_full_precision():
                rate = _rate(call, weights, given, seconds)
            yield {"kind": f"in a loop, {kind}, {rows} a batch", "rows": rows, "images_per_s": rate}


def _rate(call: Callable[..., Any], weights: Any, images: Any, seconds: float) -> float:
    import jax

    for _ in range(3):
        jax.block_until_ready(call(weights, images))
    runs, start, results = 0, time.perf_counter(), None
    while time.perf_counter() - start < seconds:
        before, results = results, call(weights, images)
        jax.block_until_ready(before)  # Two are under way, no more.
        runs += 1
    jax.block_until_ready(results)
    return runs * len(images) / (time.perf_counter() - start)


def worker(cache: Path, sizes: Sequence[int], seconds: float) -> Iterator[Figure]:
    """The rates of the worker's runner, given whole batches of single pictures' pixels, several under way."""
    from horngate.server.artifact import Artifact
    from horngate.server.worker.engines import EngineChoice, program_for

    [folder] = {path.parent for path in cache.rglob("spec.json")}
    artifact = Artifact(folder).as_served
    program = program_for(
        EngineChoice(engine="keras", threads=1), artifact, [spec.name for spec in artifact.spec.outputs]
    )
    [spec] = artifact.spec.inputs
    images = np.random.default_rng(0).integers(0, 256, (max(sizes), *spec.shape[1:]), np.uint8)
    program.prepare(sizes, lambda rows: {spec.name: images[:rows]})
    for rows in sizes:
        rate = _run(program, spec.name, [np.array(images[row : row + 1]) for row in range(rows)], seconds)
        yield {"kind": f"the worker's thread alone, pixels, {rows} a batch", "images_per_s": rate}


def _run(program: Any, name: str, pictures: Sequence[Any], seconds: float) -> float:
    from horngate.server.worker.batcher import ENQUEUED_AHEAD
    from horngate.server.worker.patience import Patience
    from horngate.server.worker.room import Room
    from horngate.server.worker.runner import Runner

    note: Any = type("NoNote", (), {"running": lambda *_: None, "idle": lambda *_: None})()
    done: SimpleQueue[list[Any]] = SimpleQueue()
    runner = Runner(done.put, Room(), Patience(note))
    for _ in range(ENQUEUED_AHEAD):
        runner.run(_batch(program, name, pictures))
    begin = time.perf_counter()
    rows = 0
    while time.perf_counter() - begin < seconds:
        for batch in done.get():
            if batch.fault is not None:
                raise batch.fault
            rows += batch.rows
        runner.run(_batch(program, name, pictures))
    took_s = time.perf_counter() - begin
    for _ in range(ENQUEUED_AHEAD):
        done.get()
    return rows / took_s


def _batch(program: Any, name: str, pictures: Sequence[Any]) -> Any:
    from horngate.server.worker.wanted import Wanted
    from horngate.server.worker.work import Batch, Share, Work

    works = [
        Work(
            owner=cast(Any, None),
            request=number,
            handle="m",
            outputs=("y",),
            wanted=Wanted(("y",)),
            inputs=[picture],
            total_rows=1,
            arrived_s=0.0,
            bytes=picture.nbytes,
        )
        for number, picture in enumerate(pictures)
    ]
    return Batch(
        handle="m",
        program=program,
        names=("y",),
        charged_s=1.0,
        shares=[Share(work=work, start=0, stop=1) for work in works],
        input_names=[name],
        needed_bytes=lambda rows: 0,
    )
