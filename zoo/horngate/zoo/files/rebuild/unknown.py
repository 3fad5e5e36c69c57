"""The names in a configuration that nobody knows, all of them at once."""

from collections.abc import Iterator, Mapping
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.rebuild.classes import function, is_operation, layer_class
from horngate.zoo.files.upgrade.step import Entry, config_of, is_entry, name_of

_ACTIVATIONS = ("activation", "recurrent_activation")


def refuse_unknown(entry: Entry, custom: Mapping[str, Any]) -> None:
    """LoadError that lists each unknown class and function, and the line of model.toml that would name it."""
    unknown: dict[str, list[str]] = {}
    for name, layer in _names(entry):
        known = layer_class(name, custom) if layer.startswith("layer") else function(name, custom)
        known = known or is_operation(name)
        if known is None:
            unknown.setdefault(name, []).append(layer)
    if not unknown:
        return
    told = "; ".join(f"{name} ({', '.join(dict.fromkeys(layers))})" for name, layers in unknown.items())
    line = ", ".join(f'"your_module:{name.rpartition(">")[2]}"' for name in unknown)
    raise LoadError(
        f"it needs {len(unknown)} thing{'s' if len(unknown) > 1 else ''} that Keras has not: {told}. Name the "
        f"module of each in model.toml: custom_objects = [{line}]"
    )


def _names(entry: Entry) -> Iterator[tuple[str, str]]:
    yield entry["class_name"], f"layer '{name_of(entry)}'"
    for key, value in config_of(entry).items():
        if key in _ACTIVATIONS and isinstance(value, str):
            yield value, f"{key} of '{name_of(entry)}'"
        elif not key.endswith(("_initializer", "_regularizer", "_constraint")):
            for inner in _entries(value):
                yield from _names(inner)


def _entries(value: Any) -> Iterator[Entry]:
    if is_entry(value):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _entries(one)
