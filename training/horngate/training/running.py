"""A recipe carried out, in a folder that holds all that came of it."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from horngate.contract.errors import InvalidRequest, RecipeError
from horngate.training.callbacks import (
    EpochEnd,
    Reporter,
    check_callbacks,
)
from horngate.training.checkpoints import Store, Writer
from horngate.training.cluster import check_cluster, train_on_cluster
from horngate.training.compiling import check_compile
from horngate.training.data import Rows
from horngate.training.data.opening import check_source
from horngate.training.devices import check_backend, devices_of
from horngate.training.gate import Publication, publish_run, published_by
from horngate.training.loop import Training, Workload
from horngate.training.models import check_model
from horngate.training.preparing import (
    opened_rows,
)
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.card import card
from horngate.training.runs.curves import save_png
from horngate.training.runs.facts import environment, make_repeatable, plain_recipe
from horngate.training.runs.folder import RunFolder
from horngate.training.runs.status import standing
from horngate.training.stopping import Stopped, StopRequest, stopped_by_signals
from horngate.training.workload import model_path, save_model, workload

_MAY_CHANGE = ("publish", "checkpoints", "devices", "cluster")
"""What may be another when a run is gone on with: the bytes do not depend on it, but for the devices."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run. `history` maps each metric to its value after every epoch."""

    folder: Path
    recipe: Recipe
    history: Mapping[str, Sequence[float]]
    model_path: Path
    publication: Publication | None = None


def check(recipe: Recipe) -> None:
    """Whether all that the recipe names is there and takes its settings. Data is not read. RecipeError if not."""
    check_backend()
    check_compile(recipe.compile)
    check_cluster(recipe)
    check_callbacks(recipe.callbacks, publishes=recipe.publish is not None)
    check_model(recipe.model)
    check_source(recipe.data, "data")
    if recipe.validation is not None:
        check_source(recipe.validation, "validation")


def run(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Any] = (),
    on_epoch: Callable[[EpochEnd], None] = lambda event: None,
    tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
) -> Run:
    """Train as the recipe says and leave the results in `folder`; with `resume`, go on with what is there.

    `callbacks` are instances of Keras's or your own, beside the recipe's. Signals that ask for a stop (SIGTERM,
    SIGINT) end the run after the step under way, with its state written: Stopped. InvalidRequest if there is a run
    in the folder and `resume` is not set.
    """
    check(recipe)
    place = RunFolder(folder)
    if not resume and place.read("recipe") is not None:
        raise InvalidRequest(
            f"run folder {folder} exists already, and a run never overwrites another; resume it, or take "
            "another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with place.held():
        _write_or_compare(recipe, place)
        if (status := standing(place)) is not None and status.state == "finished":
            tell(f"the run in {folder} is finished; there is nothing to go on with")
            return _finished_before(recipe, place)
        reporter = Reporter(recipe, place, on_epoch, datetime.now(UTC).isoformat(timespec="seconds"))
        with _failures_told(reporter):
            return _carried_out(recipe, place, [*callbacks], reporter, tell)


def _finished_before(recipe: Recipe, folder: RunFolder) -> Run:
    return Run(
        folder=folder.path,
        recipe=recipe,
        history=folder.read("history"),
        model_path=model_path(recipe, folder),
        publication=published_by(folder),
    )


def _write_or_compare(recipe: Recipe, folder: RunFolder) -> None:
    """A run goes on by the recipe that it began with; its devices, checkpoints and publication may change."""
    now, begun = plain_recipe(recipe), folder.read("recipe")
    if begun is None:
        folder.write("recipe", now)
        return
    for name, value in now.items():
        if value != begun.get(name) and name not in _MAY_CHANGE:
            raise RecipeError(
                f"the run in {folder.path} began with another recipe: {name} was {begun.get(name)!r} and is "
                f"{value!r}; take another folder, or put it back"
            )


def _carried_out(
    recipe: Recipe, folder: RunFolder, callbacks: list[Any], reporter: Reporter, tell: Callable[[str], None]
) -> Run:
    make_repeatable(recipe)
    rows, validation = opened_rows(recipe)
    folder.write("environment", environment(recipe))
    _compare_data(folder, rows, validation)
    if recipe.cluster is not None:
        train_on_cluster(recipe, folder, tell)
    # What a cluster has trained is gone on with here, from its last state, and finished.
    devices = devices_of(1 if recipe.cluster is not None else recipe.devices)
    with devices.scope():
        work, model = workload(recipe, folder, [*callbacks, reporter], rows, validation, devices)
        training = _trained(work, folder, tell)
        return _finished(work, folder, model, training, reporter)


def _trained(work: Workload, folder: RunFolder, tell: Callable[[str], None]) -> Training:
    store = Store(folder.checkpoints, work.recipe.checkpoints.keep)
    stop, writer = StopRequest(), Writer(store, tell)
    state = store.newest(tell)
    with stopped_by_signals(stop):
        training = Training(work, writer, stop)
        try:
            training.run(state)
        finally:
            writer.finish()
    return training


def _compare_data(folder: RunFolder, rows: Rows, validation: Rows | None) -> None:
    """Write what the rows are. RecipeError if the run began with others."""
    now = {"training": rows.fingerprint()}
    if validation is not None:
        now["validation"] = validation.fingerprint()
    begun = folder.read("data")
    if begun is not None and begun != now:
        raise RecipeError(
            f"the rows are not those that the run in {folder.path} began with (data.json has their hashes)"
        )
    folder.write("data", now)


def _finished(work: Workload, folder: RunFolder, model: Any, training: Training, reporter: Reporter) -> Run:
    recipe = work.recipe
    path = save_model(model, model_path(recipe, folder))
    folder.write("history", training.history)
    save_png(training.history, folder.path / "curves.png")
    published = publish_run(work, path, folder)
    reporter.finished()
    folder.write_text("card.md", card(folder, work.rows.labels))
    return Run(
        folder=folder.path, recipe=recipe, history=training.history, model_path=path, publication=published
    )


@contextmanager
def _failures_told(reporter: Reporter) -> Iterator[None]:
    """The status says what became of the run, whatever it was."""
    try:
        yield
    except Stopped as stopped:
        reporter.ended("stopped", str(stopped))
        raise
    except BaseException as error:
        reporter.ended("failed", f"{type(error).__name__}: {error}")
        raise
