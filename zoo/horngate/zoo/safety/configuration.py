"""A model's configuration: its objects are Keras's own or the operator's, and it names nothing outside."""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.classes import examine_class
from horngate.zoo.safety.code import examine_code
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits
from horngate.zoo.safety.paths import examine_paths
from horngate.zoo.safety.permission import Permission
from horngate.zoo.safety.places import places
from horngate.zoo.safety.texts import Unsafe


def examine_configuration(config: Any, permission: Permission, limits: Limits) -> Iterator[Finding]:
    """What is unsafe in the configuration; `training` at its top is not looked at, serving ignores it."""
    layers = values = 0
    for place in places(_served(config)):
        values += 1 + len(place.value)
        layers += place.is_layer
        _count(values, layers, limits)
        if place.is_object:
            yield from examine_code(place, permission)
            yield from examine_class(place, permission)
        yield from examine_paths(place)


def _served(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    return {key: value for key, value in config.items() if key != "compile_config"}


def _count(values: int, layers: int, limits: Limits) -> None:
    if layers > limits.layers:
        raise Unsafe(_too_many(f"has more than {limits.layers:,} layers"))
    if values > limits.config_values:
        raise Unsafe(_too_many(f"has more than {limits.config_values:,} values"))


def _too_many(what: str) -> Finding:
    return Finding(
        danger=Danger.SIZE,
        where="the architecture",
        what=what,
        remedy="split the model, or leave vocabularies out of the architecture",
    )
