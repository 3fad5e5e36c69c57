"""A recipe's model and rows, ready: for a run, or for steps of one's own."""

from dataclasses import dataclass
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.checkpoints.state import recurrent_states
from horngate.training.compiling import compile_model
from horngate.training.data import Feeding, Rows, open_rows
from horngate.training.devices import Steps, devices_of
from horngate.training.evaluating import Evaluation
from horngate.training.loop import build_all
from horngate.training.models import build, freeze, with_augmentation
from horngate.training.recipe.sections import Recipe
from horngate.training.runs.facts import make_repeatable
from horngate.training.sizing import measured_batch_size


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A compiled model, whose `train_on_batch` and `test_on_batch` are Keras's, and the rows for it.

    `rows.batches(feeding, range(epochs))` gives the very batches of a run of the recipe, in the same order.
    """

    model: Any
    rows: Rows
    feeding: Feeding
    validation: Rows | None = None


def prepare(recipe: Recipe) -> Prepared:
    """What a run of the recipe begins with, compiled for its first phase. `batch_size` must be a number."""
    if recipe.fit.batch_size == "auto":
        raise RecipeError('fit.batch_size is "auto", which only a run measures; give a number')
    make_repeatable(recipe)
    rows, validation = opened_rows(recipe)
    devices = devices_of(recipe.devices)
    with devices.scope():
        model = with_augmentation(build(recipe.model), recipe.model)
        feeding = feeding_of(recipe, recipe.fit.batch_size)
        check_feeding(model, rows, feeding, devices)
        freeze(model, recipe.plan[0])
        compile_model(model, recipe.compile, recipe.plan[0])
        build_all(model, rows.batches(feeding, range(1)).element_spec)
    return Prepared(model=model, rows=rows, feeding=feeding, validation=validation)


def opened_rows(recipe: Recipe) -> tuple[Rows, Rows | None]:
    """The rows to learn from, and those to measure on."""
    rows = open_rows(recipe.data)
    if recipe.validation is not None:
        return rows, open_rows(recipe.validation)
    if recipe.fit.validation_split:
        return rows.split(recipe.fit.validation_split)
    return rows, None


def feeding_of(recipe: Recipe, batch_size: int) -> Feeding:
    """How the recipe's rows become batches of that size. RecipeError if its devices cannot share one."""
    if recipe.cluster is None and batch_size % recipe.devices:
        raise RecipeError(f"fit.batch_size is {batch_size}; expected a multiple of {recipe.devices} devices")
    fit = recipe.fit
    return Feeding(
        batch_size=batch_size,
        shuffle=fit.shuffle,
        seed=recipe.seed,
        steps_per_epoch=fit.steps_per_epoch,
        class_weights={int(key): weight for key, weight in fit.class_weights.items()},
    )


def check_feeding(model: Any, rows: Rows, feeding: Feeding, devices: Steps) -> None:
    """Whether a stateful model gets what it needs: batches of one size, in order. RecipeError if not."""
    if not recurrent_states(model):
        return
    if devices.count > 1 or keras.config.backend() == "jax":
        raise RecipeError(
            "devices: a stateful model is trained on one device, on TensorFlow: Keras loses its states"
        )
    if feeding.shuffle:
        raise RecipeError("fit.shuffle is true; a stateful model wants its batches in order: shuffle = false")
    try:
        left = len(rows) % feeding.batch_size
    except TypeError:  # batches that the user's own function makes
        return
    if left:
        raise RecipeError(
            f"fit.batch_size is {feeding.batch_size} of {len(rows)} rows, which leaves a batch of {left}; a "
            "stateful model wants batches of one size"
        )


def evaluation_of(validation: Rows | None, feeding: Feeding, devices: Steps) -> Evaluation | None:
    """The validation rows in the same batches, without order, weights or a bound."""
    if validation is None:
        return None
    return Evaluation(validation, Feeding(batch_size=feeding.batch_size), devices)


def largest_batch_size(recipe: Recipe, model: Any, rows: Rows) -> int:
    """The largest batch that memory holds, measured with the model as its first phase trains it."""
    compile_model(model, recipe.compile, recipe.plan[0])
    build_all(model, rows.batches(Feeding(batch_size=1), range(1)).element_spec)
    return measured_batch_size(model, rows)
