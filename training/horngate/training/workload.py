"""A recipe's model, rows and callbacks, ready to be trained."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from horngate.training.callbacks import Publish, StopOnNaN, callbacks_of
from horngate.training.data import Rows
from horngate.training.devices import Steps
from horngate.training.gate import publish_run
from horngate.training.loop import Workload
from horngate.training.models import build, with_augmentation
from horngate.training.preparing import check_feeding, evaluation_of, feeding_of, largest_batch_size
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.folder import RunFolder


def workload(
    recipe: Recipe,
    folder: RunFolder,
    callbacks: Sequence[Any],
    rows: Rows,
    validation: Rows | None,
    devices: Steps,
) -> tuple[Workload, Any]:
    """What is trained, and the model that it is to leave; to be called in the devices' scope.

    `callbacks` come after the recipe's own.
    """
    model = build(recipe.model)
    trained = with_augmentation(model, recipe.model)
    feeding = feeding_of(recipe, _batch_size(recipe, folder, trained, rows))
    check_feeding(trained, rows, feeding, devices)
    work = Workload(
        recipe=recipe,
        model=trained,
        rows=rows,
        feeding=feeding,
        devices=devices,
        validation=evaluation_of(validation, feeding, devices),
        callbacks=[*callbacks_of(recipe, folder), *callbacks],
    )
    _connect(work, folder, model)
    return work, model


def _batch_size(recipe: Recipe, folder: RunFolder, model: Any, rows: Rows) -> int:
    """The recipe's, or the one that is measured when the run begins, and kept for when it goes on."""
    if recipe.fit.batch_size != "auto":
        return recipe.fit.batch_size
    known = folder.read("batch") or {"batch_size": largest_batch_size(recipe, model, rows)}
    folder.write("batch", known)
    return int(known["batch_size"])


def _connect(work: Workload, folder: RunFolder, model: Any) -> None:
    """Tell StopOnNaN which rows a batch has, and Publish how."""
    unfinished = folder.path / f"published{model_path(work.recipe, folder).suffix}"
    for callback in work.callbacks:
        if isinstance(callback, StopOnNaN):
            callback.locate = lambda epoch, step: work.rows.numbers(work.feeding, epoch, step)
        if isinstance(callback, Publish):
            callback.publish = lambda: publish_run(work, save_model(model, unfinished), folder)


def model_path(recipe: Recipe, folder: RunFolder) -> Path:
    """Where a run leaves its model."""
    return folder.path / f"model.{recipe.publish.format if recipe.publish else 'h5'}"


def save_model(model: Any, path: Path) -> Path:
    """Write the model without its optimizer, in one step."""
    unfinished = path.with_name(f".unfinished-{path.name}")
    with _without_advice():
        model.save(unfinished, **({"include_optimizer": False} if path.suffix in (".h5", ".hdf5") else {}))
    unfinished.replace(path)
    return path


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keras advises against HDF5 at each save, through absl's logger; here HDF5 is what is wanted."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
