"""A batch made of what the scheduler chose."""

from functools import partial
from typing import cast

from horngate.server.worker.engines import Program, most_rows
from horngate.server.worker.models import ServedModel
from horngate.server.worker.queues import Ride
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.work import Batch, Share, Wanted


def formed(model: ServedModel, shares: list[Share], ride: Ride, now_s: float, sequences: Sequences) -> Batch:
    """The batch of these rows, all of one model, for the ride that they were taken out for."""
    first = shares[0].work
    program = cast(Program, ride.program)
    wanted = Wanted(outputs=ride.names, pixels=first.wanted.pixels)
    shapes = model.batch_shapes(first.inputs, first.wanted.outputs)
    return Batch(
        handle=first.handle,
        program=program,
        names=ride.names,
        charged_s=ride.charged_s,
        formed_s=now_s,
        shares=shares,
        input_names=[spec.name for spec in model.inputs(pixels=first.wanted.pixels)],
        needed_bytes=partial(model.batch_bytes, program, wanted, shapes),
        fills=model.artifact.padding if model.pads(first.wanted.outputs) else {},
        # What is compiled for fixed shapes is compiled for these alone.
        shapes=shapes if most_rows(program, shapes) is not None else (),
        states=model.after if first.turn is not None else (),
        read_states=sequences.read if first.turn is not None else None,
    )
