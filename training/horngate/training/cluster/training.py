"""The training itself, in a worker whose devices are part of the cluster's."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from horngate.training.callbacks import Progress, Reporter
from horngate.training.checkpoints import RunState, Store, Writer
from horngate.training.cluster.rows import Feeder, RowsElsewhere
from horngate.training.cluster.together import StopTogether
from horngate.training.devices import devices_of
from horngate.training.loop import Training
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.facts import make_repeatable
from horngate.training.runs.folder import RunFolder
from horngate.training.stopping import Stopped, StopRequest
from horngate.training.workload import workload


def train_to_the_end(recipe: Recipe, folder: Path, own: Path, feeder: Feeder) -> None:
    """Go on from the newest state in the run's `folder` to the last epoch's end, or until all are asked to stop.

    The last state is written there. Other files are written into `own`, which is `folder` in one of the workers.
    """
    from ray.train.collective import broadcast_from_rank_zero

    make_repeatable(recipe)
    measures = recipe.validation is not None or recipe.fit.validation_split > 0
    rows, validation = (
        RowsElsewhere(feeder, "training"),
        RowsElsewhere(feeder, "validation") if measures else None,
    )
    devices = devices_of(recipe.devices)
    place = RunFolder(own)
    reporter = Reporter(recipe, place, lambda event: None, datetime.now(UTC).isoformat(timespec="seconds"))
    stop, first = StopRequest(), own == folder
    together = StopTogether(stop, RunFolder(folder).stop, broadcast_from_rank_zero, first=first)
    with devices.scope(), suppress(Stopped):
        work, _ = workload(recipe, place, [Progress(), together, reporter], rows, validation, devices)
        store = Store(RunFolder(folder).checkpoints, recipe.checkpoints.keep)
        writer = Writer(store, _tell) if first else _NoWriter(store, _tell)
        Training(work, writer, stop, ends_with_state=True).run(store.newest(_tell))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


class _NoWriter(Writer):
    """For the workers whose state is the first one's."""

    @property
    def free(self) -> bool:
        """Never: no state is due."""
        return False

    def begin(self, state: RunState) -> None:
        """Nothing is written."""
