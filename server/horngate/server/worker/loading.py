"""A model on its way into a worker: room for it found, its engine chosen, its programs made."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from horngate.contract.errors import LoadError, ResourceExhausted
from horngate.server.artifact import Artifact, forget_derived
from horngate.server.worker.calibration import calibrate, kept
from horngate.server.worker.contest import candidates
from horngate.server.worker.engines import EngineChoice, engine_named
from horngate.server.worker.engines.open_files import held_open
from horngate.server.worker.garbage import sweep_out
from horngate.server.worker.holdings import Holdings
from horngate.server.worker.liveness import estimated_row_bytes, live_row_bytes
from horngate.server.worker.load_order import LoadOrder
from horngate.server.worker.models import ServedModel, least_bytes
from horngate.server.worker.probe import Guard
from horngate.server.worker.room import Room

_LIBRARIES = {"onnxruntime", "openvino", "keras"}
FREE_SIZE = 64
"""What the estimate before the first probe takes axes without a size to be."""


def load(order: LoadOrder, room: Room, holdings: Holdings, batches_run: Callable[[], int]) -> ServedModel:
    """Calibrate, and make the programs of the model's own outputs and of the layers that its settings name.

    ResourceExhausted, with the sums, if it does not fit what is left; LoadError if no engine serves it. What
    is derived from the artifact is made again, once, where it turns out to be unusable. `batches_run` counts:
    a measurement that others disturbed is used but not kept.
    """
    artifact = Artifact(Path(order.folder)).as_served
    begin = time.monotonic()
    _admit(
        holdings,
        order,
        least_bytes(artifact, order.placement),
        live_row_bytes(artifact.spec, free_size=1),
    )
    with held_open():
        try:
            model = _load(order, artifact, room, holdings, batches_run)
        except ResourceExhausted:
            raise
        except Exception:
            forget_derived(artifact)
            model = _load(order, artifact, room, holdings, batches_run)
    model.load_s = time.monotonic() - begin
    return model


def _load(
    order: LoadOrder,
    artifact: Artifact,
    room: Room,
    holdings: Holdings,
    batches_run: Callable[[], int],
) -> ServedModel:
    before = batches_run()
    guard = Guard(
        room_bytes=room.left_bytes(),
        row_bytes=estimated_row_bytes(artifact.spec, FREE_SIZE),
        weights_bytes=least_bytes(artifact, order.placement),
        alone=lambda: room.alone,
        most_rows=order.max_rows,
    )
    calibration = calibrate(
        artifact,
        _choices(artifact, order),
        keep=lambda: batches_run() == before,
        guard=guard,
        allowed=order.allowed(artifact),
    )
    model = ServedModel(order, artifact, calibration)
    own = [model.outputs, *([model.step_outputs(model.outputs)] if model.carried else [])]
    sizes = {wanted: model.size_bytes(wanted) for wanted in map(model.own, (*own, *order.layers))}
    _admit(holdings, order, sum(sizes.values()), calibration.memory.bytes(1))
    sweep_out()  # Of engines that were tried, too.
    model.fit(max(0, holdings.left_bytes - sum(sizes.values())))
    for wanted, size_bytes in sizes.items():
        model.programs.add(wanted, model.warmed(wanted), size_bytes, for_good=True)
    return model


def import_engines(order: LoadOrder) -> bool:
    """Import the libraries of the engines that a model may run on; whether one of them is new here.

    That is one engine, where it is known which is the fastest.
    """
    artifact = Artifact(Path(order.folder)).as_served
    there = set(_LIBRARIES & sys.modules.keys())
    with suppress(LoadError):  # Loading it will say so.
        choices = _choices(artifact, order)
        known = kept(artifact, choices, order.allowed(artifact), order.max_rows)
        for choice in choices if known is None else [known.choice]:
            engine_named(choice.engine)
    return there != _LIBRARIES & sys.modules.keys()


def _choices(artifact: Artifact, order: LoadOrder) -> list[EngineChoice]:
    return candidates(artifact, order.engine, order.placement, training=order.training)


def _admit(holdings: Holdings, order: LoadOrder, program_bytes: int, row_bytes: int) -> None:
    refusal = holdings.refusal(f"{order.name}/{order.title}", program_bytes, row_bytes)
    if refusal is not None:
        raise refusal
