"""A batch made of what the scheduler chose."""

from collections.abc import Sequence
from functools import partial
from typing import cast

from horngate.server.costs import Cost
from horngate.server.worker.engines import Program, most_rows
from horngate.server.worker.models import ServedModel
from horngate.server.worker.queues import Ride
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Batch, Share, Work

BRIEF_S = 0.0005


def is_brief(ride: Ride, first: Work) -> bool:
    """Whether a batch is known to take less than waking a thread is worth, so that the main one may run it."""
    return ride.is_cost_known and ride.charged_s < BRIEF_S and first.seed is None and not first.alone


def ride_of(work: Work, program: Program, cost: Cost) -> Ride:
    """That of a work which has not waited in a lane."""
    names, charged_s = work.wanted.outputs, cost.seconds(work.rows)
    return Ride(program=program, names=names, charged_s=charged_s, is_cost_known=cost.is_known)


def taken(chosen: Sequence[tuple[Work, int]], now_s: float) -> list[Share]:
    """Shares of the first rows of each work that have no batch; they have one from now on."""
    shares = []
    for work, rows in chosen:
        start = work.total_rows - work.rows
        shares.append(Share(work=work, start=start, stop=start + rows))
        work.running_rows += rows
        work.dispatched_s = work.dispatched_s or now_s
    return shares


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
