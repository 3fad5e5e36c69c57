"""Which class or function a name in a file stands for: Keras's own, Horngate's, or one the operator named."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.zoo.files.legacy import LEGACY

_OPERATIONS = (keras.src.ops.numpy, keras.src.ops.nn, keras.src.ops.math, keras.src.ops.core)
_KINDS = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


def layer_class(name: str, custom: Mapping[str, Any]) -> Any:
    """The class of a layer, None if nobody knows it. The operator's come first."""
    return found(name, custom) or LEGACY.get(name) or _layer_of_keras(name)


def operation_class(entry: Mapping[str, Any]) -> Any:
    """The operation of `keras.ops` that an entry is, None if it is a layer; only layers say whether they train."""
    config = entry.get("config")
    if not isinstance(config, dict) or {"trainable", "dtype", "layers", "batch_shape"} & config.keys():
        return None
    return is_operation(entry["class_name"])


def is_operation(name: str) -> Any:
    """The class of `keras.ops` with this name, None without one."""
    for place in _OPERATIONS:
        cls = getattr(place, name, None)
        if inspect.isclass(cls) and issubclass(cls, keras.Operation):
            return cls
    return None


def function(name: str, custom: Mapping[str, Any]) -> Any:
    """An activation function, None if nobody knows it."""
    known = found(name, custom) or LEGACY.get(name)
    if known is not None:
        return known
    listed = getattr(keras.activations, name, None)
    return listed if callable(listed) and not name.startswith("_") else None


def found(name: str, custom: Mapping[str, Any]) -> Any:
    """What the operator named, with or without the package under which it was registered; or a scope's."""
    bare = name.rpartition(">")[2]
    return custom.get(name) or custom.get(bare) or keras.saving.get_registered_object(bare)


def part(kind: str, value: Any, custom: Mapping[str, Any]) -> Any:
    """An initializer, regularizer or constraint from what a file says of it."""
    if value is None:
        return None
    module = _KINDS[kind]
    name, settings = (
        (value, {}) if isinstance(value, str) else (value["class_name"], value.get("config") or {})
    )
    cls = found(str(name), custom)
    if cls is None:
        try:
            cls = type(module.get(str(name))) if isinstance(value, str) else _listed(module, str(name))
        except ValueError as error:
            raise LoadError(f"{kind} '{name}' is unknown") from error
    if not inspect.isclass(cls):
        return cls
    taken = inspect.signature(cls.__init__).parameters
    return cls(**{key: one for key, one in settings.items() if key in taken})


def _listed(module: Any, name: str) -> Any:
    cls = getattr(module, name, None)
    if cls is None:
        cls = type(module.get(name))
    return cls


def _layer_of_keras(name: str) -> Any:
    if name in ("Model", "Functional"):
        return keras.Model
    if name == "Sequential":
        return keras.Sequential
    cls = getattr(keras.layers, name, None)
    return cls if inspect.isclass(cls) and issubclass(cls, keras.layers.Layer) else None
