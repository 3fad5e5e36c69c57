"""One layer of today's Keras from its upgraded configuration."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from horngate.contract.errors import HorngateError, LoadError
from horngate.zoo.files.rebuild.classes import function, layer_class, operation_class, part
from horngate.zoo.files.rebuild.code import lambda_layer
from horngate.zoo.files.upgrade.step import Entry, config_of, is_entry, name_of

_PARTS = ("initializer", "regularizer", "constraint")
_ACTIVATIONS = ("activation", "recurrent_activation")


@dataclass(kw_only=True)
class Construction:
    """How layers are made: whose names count, and what was left out on the way.

    `operations` lets those of `keras.ops` stand among the layers. `dropped` has, by layer, the settings that
    today's class does not take.
    """

    custom: Mapping[str, Any] = field(default_factory=dict)
    allow_code: bool = False
    operations: bool = False
    dropped: dict[str, list[str]] = field(default_factory=dict)

    def layer(self, entry: Entry) -> Any:
        """The layer. LoadError names it and says what its class did not like."""
        cls = (operation_class(entry) if self.operations else None) or layer_class(
            entry["class_name"], self.custom
        )
        try:
            if cls is keras.layers.Lambda:
                return lambda_layer(entry, self.custom, allow_code=self.allow_code)
            if not _is_ours(cls):
                return self._own_way(cls, entry)
            return cls(**self._taken(cls, entry))
        except HorngateError:
            raise
        except Exception as error:  # whatever a constructor raises
            raise LoadError(
                f"layer '{name_of(entry)}' ({entry['class_name']}) cannot be made from its settings: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
            ) from error

    def value(self, key: str, value: Any) -> Any:
        """A setting as the constructor takes it: layers, parts and functions made, lists as they are."""
        for kind in _PARTS:
            if key.endswith(kind):
                return part(kind, value, self.custom)
        if key in _ACTIVATIONS and isinstance(value, str):
            return function(value, self.custom)
        if is_entry(value):
            return self.inner(value)
        if isinstance(value, list) and value and all(is_entry(one) for one in value):
            return [self.inner(one) for one in value]
        return value

    def inner(self, entry: Entry) -> Any:
        """A layer or model that a layer wraps."""
        from horngate.zoo.files.rebuild.models import model_or_layer  # which itself makes layers

        return model_or_layer(entry, self)

    def _own_way(self, cls: Any, entry: Entry) -> Any:
        """A custom class knows best: `from_config`, after which settings that it does not take are left out."""
        settings = {key: self.value(key, value) for key, value in config_of(entry).items()}
        overridden = cls.from_config.__func__ is not keras.layers.Layer.from_config.__func__
        if overridden:
            return cls.from_config(dict(config_of(entry)))
        return cls(**_fitting(cls, settings, self._note(entry)))

    def _taken(self, cls: Any, entry: Entry) -> dict[str, Any]:
        config = config_of(entry)
        settings = {key: self.value(key, value) for key, value in config.items()}
        return _fitting(cls, settings, self._note(entry))

    def _note(self, entry: Entry) -> list[str]:
        return self.dropped.setdefault(name_of(entry), [])


_OF_EVERY_LAYER = frozenset({"name", "trainable", "dtype", "activity_regularizer", "autocast"})


def _fitting(cls: Any, settings: dict[str, Any], left_out: list[str]) -> dict[str, Any]:
    """The settings that the class takes; those of every layer only where it hands them on."""
    parameters = inspect.signature(cls.__init__).parameters
    hands_on = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    fitting = {
        key: value
        for key, value in settings.items()
        if key in parameters or (hands_on and key in _OF_EVERY_LAYER)
    }
    left_out.extend(key for key in settings if key not in fitting)
    return fitting


def _is_ours(cls: Any) -> bool:
    return str(cls.__module__).startswith(("keras.", "horngate."))
