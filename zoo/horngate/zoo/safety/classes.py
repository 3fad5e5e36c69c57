"""Every class and function that a configuration names is Keras's own, or one that the operator named."""

import re
from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.functions import ACTIVATIONS, is_known_operation, is_pure
from horngate.zoo.safety.known import CLASSES, FOREIGN, OPERATIONS, OWN, PLAIN, ROOTS, TRAINING
from horngate.zoo.safety.operations import TENSOR_OPERATIONS
from horngate.zoo.safety.permission import Permission
from horngate.zoo.safety.places import Place

_CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")
_DTYPE = re.compile(r"[a-z]+\d*|[a-z]\d[a-z]\d\w*")
_ACTIVATION_KEYS = ("activation", "recurrent_activation", "inner_activation")


def examine_class(place: Place, permission: Permission) -> Iterator[Finding]:
    """What is wrong with the object at a place: its class, its module, the functions it names."""
    value = place.value
    assert isinstance(value, dict)  # noqa: S101 (is_object was asked)
    name, module = value["class_name"], value.get("module")
    if not isinstance(name, str) or not isinstance(module, str | None):
        yield _named(place, f"names the class {name!r} of the module {module!r}; expected two names")
    elif permission.names(name) or _is_registered(value, name, permission):
        return
    elif name == "function":
        yield from _function(place, value.get("config"), module, permission)
    elif name in FOREIGN:
        yield _foreign(place, name)
    elif name in PLAIN:
        yield from _plain(place, value.get("config"))
    elif name != "__lambda__" and not _is_known(name, module):
        yield _unknown(place, name, module)
    else:
        yield from _slots(place, name, value.get("config"), permission)


def _is_registered(value: dict[str, Any], name: str, permission: Permission) -> bool:
    """Whether Keras can find it by a registered name alone, the operator's or one of Horngate's upgraded models.

    Keras would find another class of its own by the module or the name beside it: such a one is looked at as that.
    """
    named, module = value.get("registered_name"), value.get("module")
    if not isinstance(named, str) or not (permission.names(named) or named.startswith(OWN)):
        return False
    foreign = not module or module.partition(".")[0] not in ROOTS
    return foreign and (named.rpartition(">")[2] == name or (name not in CLASSES and name not in FOREIGN))


def _is_known(name: str, module: str | None) -> bool:
    if module is None:
        return name in CLASSES or name in TENSOR_OPERATIONS
    if module.partition(".")[0] not in ROOTS:
        return False
    inside = (*OPERATIONS, *TRAINING)
    return name in CLASSES or (module.startswith(inside) and _CLASS.fullmatch(name) is not None)


def _function(place: Place, name: Any, module: str | None, permission: Permission) -> Iterator[Finding]:
    if not isinstance(name, str):
        yield _named(place, f"names the function {name!r}; expected a name")
    elif name.startswith(OWN) and (module == "builtins" or (module or OWN).startswith("horngate")):
        return
    elif not permission.names(name) and not is_pure(name.rpartition(">")[2], module):
        if module in (None, "builtins"):
            yield _unknown(place, name, None)
        else:
            yield _named(place, f"names the function {module}.{name}, which is not one of tensors alone")


def _slots(place: Place, name: str, config: Any, permission: Permission) -> Iterator[Finding]:
    if not isinstance(config, dict):
        return
    for key in _ACTIVATION_KEYS:
        told = config.get(key)
        if isinstance(told, str) and not (
            told in ACTIVATIONS or told.startswith(OWN) or permission.names(told)
        ):
            yield _unknown(place, told, None, f" for its {key}")
    symbol = config.get("function")
    if name == "TFOpLambda" and not (isinstance(symbol, str) and is_known_operation(symbol)):
        yield _named(place, f"calls TensorFlow's {symbol!r}, which is not arithmetic on tensors alone")


def _plain(place: Place, config: Any) -> Iterator[Finding]:
    dtype = config.get("dtype") if isinstance(config, dict) else None
    if dtype is not None and not (isinstance(dtype, str) and _DTYPE.fullmatch(dtype)):
        yield Finding(
            danger=Danger.TYPE,
            where=place.where,
            what=f"holds a constant of the dtype {dtype!r}; expected the name of a dtype",
            remedy="save the model again with Keras",
        )


def _foreign(place: Place, name: str) -> Finding:
    return Finding(
        danger=Danger.FOREIGN,
        where=place.where,
        what=f"is a {name}, that is {FOREIGN[name]}",
        remedy="export the model with layers of Keras alone",
    )


def _named(place: Place, what: str) -> Finding:
    return Finding(
        danger=Danger.NAME,
        where=place.where,
        what=what,
        remedy="expected Keras's layers, activations, initializers and operations",
    )


def _unknown(place: Place, name: str, module: str | None, slot: str = "") -> Finding:
    of = f" of {module}" if module and module.partition(".")[0] not in ROOTS else ""
    kind = name.rpartition(">")[2]
    return Finding(
        danger=Danger.NAME,
        where=place.where,
        what=f"names '{name}'{of}{slot}, which Keras does not have",
        remedy=f'if it is yours, name it in model.toml: custom_objects = ["your_module:{kind}"]',
        unknown=kind,
    )
