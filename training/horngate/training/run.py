"""One fit of a model, and the folder it leaves: all of it or nothing."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from horngate.training.atomic import new_folder
from horngate.training.recipe import Recipe

Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Inputs and targets, rows first."""


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """An epoch is over; `epoch` counts from 1, `metrics` are Keras's logs."""

    epoch: int
    epochs: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished fit. `history` maps each metric to its value after every epoch.

    The folder holds `recipe.json`, `history.json` and `model.h5`, the last without the optimizer's state.
    """

    folder: Path
    recipe: Recipe
    history: Mapping[str, Sequence[float]]

    @property
    def model_path(self) -> Path:
        """The trained model's file."""
        return self.folder / "model.h5"


def fit(
    recipe: Recipe,
    build: Callable[[], Any],
    data: Arrays,
    *,
    folder: Path,
    on_epoch: Callable[[EpochEnd], None] = lambda event: None,
    callbacks: Sequence[Any] = (),
) -> Run:
    """Fit what `build` returns, a compiled Keras model, and write the run's folder.

    `build` is called after the seed is set, so that the first weights are part of what the seed decides.
    `callbacks` are Keras's own. FileExistsError if `folder` is already there.
    """
    if folder.exists():
        raise FileExistsError(f"run folder {folder} exists already; a run never overwrites another")
    keras.utils.set_random_seed(recipe.seed)
    model = build()
    best = _Best(model)
    watchers = [_each_epoch(recipe, on_epoch), *([best.callback()] if recipe.keep == "best" else [])]
    history = model.fit(
        *data,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        validation_split=recipe.validation_split,
        callbacks=[*watchers, *callbacks],
        verbose=0,
    )
    best.restore()
    run = Run(folder=folder, recipe=recipe, history=history.history)
    _write(run, model)
    return run


class _Best:
    """The weights of the epoch with the lowest validation loss so far."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._loss = float("inf")
        self._weights: list[np.ndarray[Any, Any]] | None = None

    def callback(self) -> Any:
        return keras.callbacks.LambdaCallback(on_epoch_end=self._observe)

    def restore(self) -> None:
        if self._weights is not None:
            self._model.set_weights(self._weights)

    def _observe(self, epoch: int, logs: Mapping[str, float]) -> None:
        if logs["val_loss"] < self._loss:
            self._loss, self._weights = logs["val_loss"], self._model.get_weights()


def _each_epoch(recipe: Recipe, on_epoch: Callable[[EpochEnd], None]) -> Any:
    def tell(epoch: int, logs: Mapping[str, float]) -> None:
        on_epoch(EpochEnd(epoch=epoch + 1, epochs=recipe.epochs, metrics=dict(logs)))

    return keras.callbacks.LambdaCallback(on_epoch_end=tell)


def _write(run: Run, model: Any) -> None:
    with new_folder(run.folder) as unfinished:
        for name, content in (("recipe", asdict(run.recipe)), ("history", dict(run.history))):
            (unfinished / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
        with _without_advice():
            model.save(unfinished / "model.h5", include_optimizer=False)


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
