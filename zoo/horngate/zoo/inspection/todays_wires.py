"""The wires of a configuration that Keras 3 wrote, in the form that the upgrade gives older ones."""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.files.upgrade.step import Entry, config_of, is_model, name_of, rewritten


def with_calls(architecture: Entry) -> Entry:
    """The configuration, its models' layers each with `calls`; see `horngate.zoo.files.upgrade.wires`."""
    return rewritten(architecture, _model)


def _model(entry: Entry) -> Entry:
    if not is_model(entry) or entry["class_name"] == "Sequential":
        return entry
    config = config_of(entry)
    layers = [
        layer
        | {"name": name_of(layer)}
        | {
            "calls": [
                {"input": list(_tensors(node.get("args")))} for node in layer.get("inbound_nodes") or ()
            ]
        }
        for layer in config["layers"]
    ]
    ends = {key: list(_ends(config.get(key))) for key in ("input_layers", "output_layers")}
    return entry | {"config": config | {"layers": layers} | ends}


def _tensors(value: Any) -> Iterator[dict[str, Any]]:
    """The tensors among a call's arguments, in their order."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield _tensor(config_of(value)["keras_history"])
        else:
            yield from _tensors(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _tensors(one)


def _ends(value: Any) -> Iterator[dict[str, Any]]:
    """`["x", 0, 0]`, `[["x", 0, 0], …]` and dicts of either."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        yield _tensor(value)
    elif isinstance(value, list):
        for one in value:
            yield from _ends(one)


def _tensor(history: Any) -> dict[str, Any]:
    return {"of": history[0], "call": history[1], "tensor": history[2]}
