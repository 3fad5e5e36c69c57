"""A training configuration of any age, in today's terms. Pure; nothing here imports Keras.

Keras 2.11 gave its optimizers new formulas and a new order of their state; before, `decay` lowered the learning
rate with the steps, and Adagrad, RMSprop and Nadam computed what today's do not.
"""

from dataclasses import dataclass, field
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.upgrade.plain_form import plain

_OLD_FORMULAS = {"Adagrad": "OldAdagrad", "RMSprop": "OldRMSprop", "Nadam": "OldNadam"}
_LOSSES = {
    "logcosh": "log_cosh",
    "kullback_leibler_divergence": "kl_divergence",
    "kld": "kl_divergence",
    "cosine_proximity": "cosine_similarity",
    "cosine": "cosine_similarity",
}
_METRICS = {"acc": "accuracy"} | _LOSSES
_BY_NAME = {
    name.lower(): name
    for name in "SGD RMSprop Adam AdamW Adagrad Adadelta Adamax Nadam Ftrl Lion Adafactor".split()
}
_NEW = frozenset({"is_legacy_optimizer", "jit_compile", "use_ema", "weight_decay"})


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model was compiled. `interleaved` tells the order of the optimizer's stored state: weight by weight,
    else kind by kind.
    """

    optimizer: str
    settings: dict[str, Any]
    interleaved: bool
    loss: Any
    metrics: Any = None
    others: dict[str, Any] = field(default_factory=dict)


def training_of(config: dict[str, Any]) -> Training:
    """What a training configuration means today. LoadError: it has no optimizer or no loss."""
    config = plain(config)
    optimizer = config.get("optimizer_config") or config.get("optimizer")
    if isinstance(optimizer, str):
        optimizer = {
            "class_name": _BY_NAME.get(optimizer.lower(), optimizer),
            "config": {"jit_compile": True},
        }
    if not isinstance(optimizer, dict) or not isinstance(optimizer.get("config"), dict):
        raise LoadError(
            f"its training configuration has the optimizer {optimizer!r}; expected a class and settings"
        )
    if config.get("loss") is None:
        raise LoadError("its training configuration has no loss")
    name = str(optimizer["class_name"]).rpartition(">")[2]
    settings = dict(optimizer["config"])
    is_new = bool(_NEW & settings.keys()) and not settings.get("is_legacy_optimizer")
    return Training(
        optimizer=name if is_new else _OLD_FORMULAS.get(name, name),
        settings=_settings(name, settings, is_new=is_new),
        interleaved=is_new,
        loss=_renamed(config["loss"], _LOSSES),
        metrics=_renamed(config.get("metrics"), _METRICS),
        others={
            key: _renamed(config[key], _METRICS)
            for key in ("loss_weights", "weighted_metrics")
            if config.get(key) is not None
        },
    )


def _settings(name: str, settings: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    kept = {
        key: value for key, value in settings.items() if key not in ("name", "lr", "decay", "schedule_decay")
    }
    rate = settings.get("learning_rate", settings.get("lr"))
    decay = settings.get("decay") or 0.0
    if name == "Nadam" and not is_new:
        kept["schedule_decay"] = settings.get("schedule_decay", decay or 0.004)
    elif decay and not is_new and not isinstance(rate, dict):
        inverse = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        rate = {"class_name": "InverseTimeDecay", "config": inverse}
    if rate is not None:
        kept["learning_rate"] = rate
    if name == "Adagrad" and not is_new and "initial_accumulator_value" not in kept:
        kept["initial_accumulator_value"] = 0.0
    return {key: value for key, value in kept.items() if value is not None}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Losses and metrics by their names of today, in lists and dicts of any depth."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _renamed(one, names) for key, one in value.items()}
    return [_renamed(one, names) for one in value] if isinstance(value, list) else value
