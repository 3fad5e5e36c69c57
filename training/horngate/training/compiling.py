"""The recipe's optimizer, loss and metrics, put into a model."""

from collections.abc import Mapping
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.recipe.named import Named, chosen, make
from horngate.training.recipe.sections import Compile, Phase

_SHORT_METRICS = ("accuracy", "acc", "crossentropy", "ce")


def compile_model(model: Any, settings: Compile, phase: Phase) -> None:
    """Compile for a phase, with an optimizer that begins anew."""
    if settings.optimizer is None or settings.loss is None:
        _again(model, phase)
    else:
        model.compile(
            optimizer=_optimizer(settings.optimizer, settings.schedule, phase),
            loss=_loss(settings.loss),
            metrics=[_metric(one, place) for place, one in enumerate(settings.metrics)],
        )
    if model.steps_per_execution != 1:
        raise RecipeError(
            f"the model is compiled with steps_per_execution = {model.steps_per_execution}; runs can be stopped at "
            "any step: leave it at 1"
        )


def _again(model: Any, phase: Phase) -> None:
    """Trained as it is compiled: the optimizer keeps its state in the first phase, as `model.fit` does."""
    if getattr(model, "optimizer", None) is None:
        raise RecipeError("compile is missing, and the model is not compiled; give optimizer and loss")
    if phase.learning_rate is not None:
        model.optimizer.learning_rate = phase.learning_rate


def recompile(model: Any, settings: Compile, phase: Phase) -> None:
    """Compile for a later phase: what learns has changed, so the optimizer is made anew."""
    if settings.optimizer is None:
        config = model.get_compile_config()
        model.compile_from_config(config)
        _again(model, phase)
    else:
        compile_model(model, settings, phase)


def check_compile(settings: Compile) -> None:
    """Whether Keras has all that is named, with these settings. RecipeError if not."""
    if settings.optimizer is None or settings.loss is None:
        return
    _optimizer(settings.optimizer, settings.schedule, Phase(epochs=1))
    _loss(settings.loss)
    for place, one in enumerate(settings.metrics):
        _metric(one, place)


def _optimizer(named: Named, schedule: Named | None, phase: Phase) -> Any:
    rate: Any = phase.learning_rate
    if rate is None and schedule is not None:
        rate = make(schedule, _classes(keras.optimizers.schedules), "compile", "schedule")
    if rate is not None:
        named = Named(name=named.name, settings={**named.settings, "learning_rate": rate})
    offered = {name: one for name, one in _classes(keras.optimizers).items() if name != "Optimizer"}
    return make(named, offered, "compile", "optimizer")


def _loss(named: Named) -> Any:
    if (short := _known(keras.losses, named)) is not None:
        return short
    made = chosen(named, {**_functions(keras.losses), **_classes(keras.losses)}, "compile", "loss")
    if isinstance(made, type):
        return make(named, _classes(keras.losses), "compile", "loss")
    if named.settings:
        raise RecipeError(
            f"compile.loss {named.name!r} is a function; name its class to give settings", ("compile", "loss")
        )
    return made


def _metric(named: Named, place: int) -> Any:
    if named.name in _SHORT_METRICS and not named.settings:
        return named.name
    if (short := _known(keras.metrics, named)) is not None:
        return short
    offered = {**_functions(keras.metrics), **_classes(keras.metrics)}
    made = chosen(named, offered, "compile", "metrics", place)
    return (
        make(named, _classes(keras.metrics), "compile", "metrics", place) if isinstance(made, type) else made
    )


def _known(module: Any, named: Named) -> Any:
    """What Keras itself understands by a bare name, `mse` among them; None if it knows none."""
    if named.settings or ":" in named.name:
        return None
    try:
        return module.get(named.name)
    except ValueError:
        return None


def _classes(module: Any) -> Mapping[str, Any]:
    return {name: one for name, one in vars(module).items() if isinstance(one, type) and name[0].isupper()}


def _functions(module: Any) -> Mapping[str, Any]:
    skipped = ("get", "serialize", "deserialize")
    return {
        name: one
        for name, one in vars(module).items()
        if callable(one) and not isinstance(one, type) and name not in skipped
    }
