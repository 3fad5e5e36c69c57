"""Every dict and list of a configuration, with the layer that it belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_NAMED_SETTINGS = ("DTypePolicy", "Policy", "PolicyV1", "DTypePolicyMap", "FloatDTypePolicy")
"""Objects with a name that are no layers."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A dict or list of the configuration, under `key` of what holds it, in the layer called `layer`."""

    value: dict[str, Any] | list[Any]
    key: str
    layer: str
    class_name: str
    is_layer: bool

    @property
    def is_object(self) -> bool:
        """Whether Keras would make an object of it."""
        return isinstance(self.value, dict) and "class_name" in self.value

    @property
    def config(self) -> Any:
        """The object's own configuration."""
        return self.value.get("config") if isinstance(self.value, dict) else None

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"layer '{self.layer}'" if self.layer else "the model"


def places(config: Any) -> Iterator[Place]:
    """The configuration's dicts and lists, outer ones first; without recursion, however deep it is."""
    waiting: list[tuple[Any, str, str, str]] = [(config, "", "", "")]
    while waiting:
        value, key, layer, class_name = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        name, is_layer = _name(value, key), False
        if name:
            layer, class_name, is_layer = name, str(value["class_name"]), True  # type: ignore[call-overload]
        yield Place(value=value, key=key, layer=layer, class_name=class_name, is_layer=is_layer)
        if isinstance(value, dict):
            waiting += [(inner, str(slot), layer, class_name) for slot, inner in reversed(value.items())]
        else:
            waiting += [(inner, key, layer, class_name) for inner in reversed(value)]


def _name(value: Any, key: str) -> str:
    """The name of an object that has one of its own; initializers and their like have none."""
    if not isinstance(value, dict) or "class_name" not in value or value["class_name"] in _NAMED_SETTINGS:
        return ""
    config = value.get("config")
    told = value.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return str(told) if told else str(value["class_name"]) if key in ("layers", "config", "layer") else ""
