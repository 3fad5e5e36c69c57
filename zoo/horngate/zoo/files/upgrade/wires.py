"""How a functional model's layers are called: every age's `inbound_nodes`, in one form.

{"input": S, "keywords": {name: S}}     one call; S is a list, dict, tensor or constant; Keras 3 has `more`
{"of": "dense", "call": 0, "tensor": 0}     a tensor: which layer's, from which of its calls, which output
{"value": 2.0}                          a constant
"""

from collections.abc import Iterator
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, Step, config_of, is_model, name_of, rewritten

_CONSTANT = "_CONSTANT_VALUE"
Call = dict[str, Any]


def _apply(entry: Entry, origin: Origin) -> tuple[Entry, tuple[str, ...]]:
    touched: list[str] = []

    def visit(model: Entry) -> Entry:
        if not is_model(model) or model["class_name"] == "Sequential":
            return model
        touched.append(name_of(model))
        return _wired(model)

    return rewritten(entry, visit), tuple(touched)


WIRES = Step(
    name="wiring",
    says="calls of layers are written in one form, and calls of inner models are counted from 0",
    apply=_apply,
)


def _wired(model: Entry) -> Entry:
    config = config_of(model)
    layers = [layer | {"name": name_of(layer)} for layer in config["layers"]]
    known = {layer["name"] for layer in layers}
    layers = [
        {key: value for key, value in layer.items() if key != "inbound_nodes"}
        | {"calls": [_call(node, known, layer["name"]) for node in layer.get("inbound_nodes") or []]}
        for layer in layers
    ]
    ends = {key: _structure(config.get(key), known) for key in ("input_layers", "output_layers")}
    shifts = _shifts(layers, ends)
    shifted = [layer | {"calls": _shifted(layer["calls"], shifts)} for layer in layers]
    return model | {"config": config | {"layers": shifted} | _shifted(ends, shifts)}


def _call(node: Any, known: set[str], layer: str) -> Call:
    if isinstance(node, dict) and node.keys() >= {"args", "kwargs"}:
        return _todays_call(node)
    keywords: dict[str, Any] = {}

    def read(value: Any) -> Any:
        if _is_first(value, known):
            keywords.update(value[3] if len(value) > 3 and isinstance(value[3], dict) else {})
            return {"value": value[2]} if value[0] == _CONSTANT else _tensor(value)
        if isinstance(value, list):
            return [read(one) for one in value]
        if isinstance(value, dict):
            return {key: read(one) for key, one in value.items()}
        raise LoadError(f"layer '{layer}' is called with {value!r}; expected tensors of other layers")

    given = read(node)
    return {"input": given, "keywords": {key: _keyword(value, known) for key, value in keywords.items()}}


def _todays_call(node: dict[str, Any]) -> Call:
    """Keras 3 writes all arguments, each tensor as an object that tells where it comes from."""
    first, *more = (_todays_value(one) for one in node["args"])
    keywords = {key: _todays_value(one) for key, one in node["kwargs"].items()}
    return {"input": first, "more": more, "keywords": keywords}


def _todays_value(value: Any) -> Any:
    if isinstance(value, list):
        parts = [_todays_value(one) for one in value]
        constant = all(isinstance(part, dict) and part.keys() == {"value"} for part in parts)
        return {"value": tuple(part["value"] for part in parts)} if constant else parts
    if not isinstance(value, dict):
        return {"value": value}
    if value.get("class_name") == "__keras_tensor__":
        return _tensor(value["config"]["keras_history"])
    if value.get("class_name") == "__slice__":
        return {"value": slice(*(value["config"].get(key) for key in ("start", "stop", "step")))}
    return {key: _todays_value(one) for key, one in value.items()}


def _is_first(value: Any, known: set[str]) -> bool:
    """Whether this is a tensor or a constant in a call's first argument, with the keywords behind it."""
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return False
    return value[0] == _CONSTANT or (value[0] in known and isinstance(value[1], int))


def _keyword(value: Any, known: set[str]) -> Any:
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in known and isinstance(value[1], int):
            return _tensor(value)
        return [_keyword(one, known) for one in value]
    if isinstance(value, dict):
        return {key: _keyword(one, known) for key, one in value.items()}
    return {"value": value}


def _structure(value: Any, known: set[str]) -> Any:
    """`[["a", 0, 0]]`, `["a", 0, 0]`, and lists and dicts of them."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and value[0] in known:
        return _tensor(value)
    if isinstance(value, list):
        return [_structure(one, known) for one in value]
    if isinstance(value, dict):
        return {key: _structure(one, known) for key, one in value.items()}
    raise LoadError(f"the model's inputs or outputs name {value!r}; expected a layer, a call and a tensor")


def _tensor(value: list[Any]) -> dict[str, Any]:
    return {"of": value[0], "call": int(value[1]), "tensor": int(value[2])}


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor in the form above."""
    return isinstance(value, dict) and value.keys() == {"of", "call", "tensor"}


def tensors_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every tensor in a structure."""
    if is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from tensors_in(one)


def _shifts(layers: list[Entry], ends: dict[str, Any]) -> dict[str, int]:
    """How many calls too high each layer's are counted.

    An inner model that was made from an input had been called once by its own making. Every call that is
    stored is used, so the lowest number that is used tells.
    """
    lowest: dict[str, int] = {}
    for tensor in (*tensors_in([layer["calls"] for layer in layers]), *tensors_in(ends)):
        lowest[tensor["of"]] = min(lowest.get(tensor["of"], tensor["call"]), tensor["call"])
    return {name: number for name, number in lowest.items() if number}


def _shifted(value: Any, shifts: dict[str, int]) -> Any:
    if is_tensor(value):
        return value | {"call": value["call"] - shifts.get(value["of"], 0)}
    if isinstance(value, dict):
        return {key: _shifted(one, shifts) for key, one in value.items()}
    return [_shifted(one, shifts) for one in value] if isinstance(value, list) else value
