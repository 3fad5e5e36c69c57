"""Which requests may ride in one batch, and how many rows of them."""

from collections.abc import Hashable

from horngate.server.worker.engines import Program, Shapes, most_rows
from horngate.server.worker.models import ServedModel
from horngate.server.worker.work import Work


def kin(work: Work, shapes: Shapes) -> Hashable:
    """What the requests have in common that a work may meet in a batch.

    One with a seed meets nobody. Steps of sequences meet no other requests: their programs take states.
    """
    if work.seed is not None:
        return work
    return (work.wanted.pixels, shapes) if work.turn is None else ("steps", shapes)


def limit(model: ServedModel, work: Work, program: Program, shapes: Shapes) -> int:
    """The most rows of a batch in a work's lane: no more than its program is compiled for, so that it never is."""
    if work.seed is not None:
        return work.rows
    fits = model.limit(work.wanted, shapes)
    return min(fits, most_rows(program, shapes) or fits)
