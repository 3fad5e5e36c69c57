"""How much more memory batches take whose free axes are longer than those that were probed: measured, once."""

from contextlib import suppress
from dataclasses import replace

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Program, begins_early
from horngate.server.worker.memory_model import MemoryModel, margins
from horngate.server.worker.probe import Guard, Sweep, measure, resident_idle_bytes
from horngate.server.worker.reference import Reference

STRETCHES = (4, 2)
STRETCHED_S = 3.0

PARTS_MARGIN = 1.12
"""Parts that run at once take the most at the same moment in some runs of a batch, and not in others."""


def memory_model(
    program: Program, engine: str, reference: Reference, artifact: Artifact, found: Sweep, guard: Guard
) -> MemoryModel:
    """The memory of batches by rows, as it was found; where axes are free, also how it grows with their lengths."""
    model = MemoryModel(
        points=tuple(found.points),
        row_bytes=reference.row_bytes,
        shapes=reference.shapes,
        margin=margins(engine).batch * (PARTS_MARGIN if begins_early(program) else 1.0),
        page_bytes=margins(engine).page_bytes,
    )
    shapes = [spec.shape for spec in artifact.spec.inputs]
    if all(None not in shape[1:] for shape in shapes):
        return model
    for factor in STRETCHES:
        stretched = reference.stretched(shapes, factor)
        stretch = model.stretched(stretched.shapes)
        rows = _rows_for_stretch(model, found, stretch, guard)
        # Some networks have a longest length, and refuse more.
        with suppress(Exception), guard.alone():
            _, took_bytes = measure(program, stretched.rows(rows), resident_idle_bytes(program))
            growth = max(stretch, (took_bytes - model.line(rows)) / (rows * model.row) + 1.0)
            return replace(model, stretch=stretch, growth=growth)
    return model


def _rows_for_stretch(model: MemoryModel, found: Sweep, stretch: float, guard: Guard) -> int:
    """The largest measured batch that is safe and quick with axes so much longer, should costs grow squared."""
    fits = [
        rows
        for rows, rate in found.curve.items()
        if model.bytes(rows) * stretch**2 <= guard.room_bytes and rows / rate * stretch**2 <= STRETCHED_S
    ]
    return max(fits, default=1)
