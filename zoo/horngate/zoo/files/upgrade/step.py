"""A step of the upgrade, and the walk over a configuration that most of them make."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from horngate.zoo.files.origin import Origin

Entry = dict[str, Any]
"""A serialized object: `class_name` and `config`; in a functional model also `name` and `inbound_nodes`."""

Change = Callable[[Entry, Origin], Entry | None]
"""What a step makes of one layer, or None where it has nothing to do."""

_NO_LAYERS = (
    "_initializer",
    "_regularizer",
    "_constraint",
    "init",
    "initializer",
    "regularizer",
    "constraint",
)
MODELS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change in Keras's history. `apply` gives the new configuration and the layers it touched.

    `name` is for the report, `says` tells people what was done.
    """

    name: str
    says: str
    apply: Callable[[Entry, Origin], tuple[Entry, tuple[str, ...]]]


def layer_step(name: str, says: str) -> Callable[[Change], Step]:
    """Make a step of a function that looks at one layer. Inner layers come before those around them."""

    def made(change: Change) -> Step:
        def apply(entry: Entry, origin: Origin) -> tuple[Entry, tuple[str, ...]]:
            touched: list[str] = []

            def visit(layer: Entry) -> Entry:
                changed = change(layer, origin)
                if changed is None or changed == layer:
                    return layer
                touched.append(name_of(layer))
                return changed

            return rewritten(entry, visit), tuple(dict.fromkeys(touched))

        return Step(name=name, says=says, apply=apply)

    return made


def rewritten(entry: Entry, visit: Callable[[Entry], Entry]) -> Entry:
    """The entry with `visit` applied to every layer and model in it, innermost first."""
    config = {key: _inside(value, key, visit) for key, value in config_of(entry).items()}
    return visit(entry | {"config": config} if isinstance(entry.get("config"), dict) else entry)


def _inside(value: Any, key: str, visit: Callable[[Entry], Entry]) -> Any:
    if isinstance(value, list):
        return [_inside(one, key, visit) for one in value]
    if not isinstance(value, dict) or key.endswith(_NO_LAYERS):
        return value
    if is_entry(value):
        return rewritten(value, visit)
    return {inner: _inside(one, inner, visit) for inner, one in value.items()}


def is_entry(value: Any) -> bool:
    """Whether this is a serialized object."""
    return isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value


def is_model(entry: Entry) -> bool:
    """Whether the entry is a model with layers of its own."""
    return entry["class_name"] in MODELS and isinstance(config_of(entry).get("layers"), list)


def config_of(entry: Entry) -> dict[str, Any]:
    """The entry's configuration; an empty one where it is none."""
    config = entry.get("config")
    return config if isinstance(config, dict) else {}


def name_of(entry: Entry) -> str:
    """The layer's name, else its class's."""
    return str(entry.get("name") or config_of(entry).get("name") or entry["class_name"])


def with_config(entry: Entry, **changes: Any) -> Entry:
    """The entry with some of its settings replaced or added."""
    return entry | {"config": config_of(entry) | changes}


def without(entry: Entry, *keys: str) -> Entry:
    """The entry without some of its settings."""
    return entry | {"config": {key: value for key, value in config_of(entry).items() if key not in keys}}
