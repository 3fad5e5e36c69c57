"""A model compiled as it was, from its training configuration in today's terms."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.zoo.files.legacy.optimizers import OLD_OPTIMIZERS
from horngate.zoo.files.rebuild.classes import found
from horngate.zoo.files.upgrade.training import Training


def compile_as_it_was(model: Any, training: Training, custom: Mapping[str, Any]) -> None:
    """Compile the model. LoadError: the optimizer, a loss or a metric is unknown or broken."""
    try:
        model.compile(
            optimizer=_optimizer(training, custom),
            loss=_each(training.loss, lambda one: _known(keras.losses, one, custom)),
            metrics=_each(training.metrics, lambda one: _known(keras.metrics, one, custom)),
            **training.others,
        )
    except LoadError:
        raise
    except Exception as error:  # whatever a constructor raises
        raise LoadError(
            f"it cannot be compiled as it was: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def _optimizer(training: Training, custom: Mapping[str, Any]) -> Any:
    cls = found(training.optimizer, custom) or OLD_OPTIMIZERS.get(training.optimizer)
    cls = cls or getattr(keras.optimizers, training.optimizer, None)
    if not inspect.isclass(cls):
        raise LoadError(
            f"its optimizer '{training.optimizer}' is unknown; name its module in model.toml: "
            f'custom_objects = ["your_module:{training.optimizer}"]'
        )
    settings = _taken(cls, training.settings)
    rate = settings.get("learning_rate")
    if isinstance(rate, dict):
        settings["learning_rate"] = _schedule(rate, custom)
    return cls(**settings)


def _schedule(rate: dict[str, Any], custom: Mapping[str, Any]) -> Any:
    name = str(rate.get("class_name")).rpartition(">")[2]
    cls = found(name, custom) or getattr(keras.optimizers.schedules, name, None)
    if not inspect.isclass(cls):
        raise LoadError(f"its learning rate follows the schedule '{name}', which is unknown")
    settings = {
        key: value for key, value in _taken(cls, rate.get("config") or {}).items() if value is not None
    }
    return cls(**settings)


def _taken(cls: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(cls.__init__).parameters
    return {key: value for key, value in settings.items() if key in parameters}


def _each(value: Any, made: Any) -> Any:
    """Made of every loss or metric in lists and dicts; a serialized object is one."""
    if isinstance(value, list):
        return [_each(one, made) for one in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _each(one, made) for key, one in value.items()}
    return None if value is None else made(value)


def _known(module: Any, value: Any, custom: Mapping[str, Any]) -> Any:
    """A loss or metric by name or from its settings; the name itself where Keras knows what it means."""
    if isinstance(value, str):
        known = found(value, custom)
        if known is None and value != "accuracy":
            try:
                module.get(value)
            except ValueError as error:
                raise LoadError(f"its loss or metric '{value}' is unknown") from error
        return value if known is None else known
    name, settings = str(value["class_name"]).rpartition(">")[2], value.get("config") or {}
    if name in ("MeanMetricWrapper", "LossFunctionWrapper") and isinstance(settings.get("fn"), str):
        return _known(module, settings["fn"], custom)
    cls = found(name, custom) or getattr(module, name, None)
    if not inspect.isclass(cls):
        raise LoadError(f"its loss or metric '{name}' is unknown")
    taken = _taken(cls, settings)
    if taken.get("reduction") in ("auto", "none"):
        taken["reduction"] = "sum_over_batch_size" if taken["reduction"] == "auto" else None
    return cls(**taken)
