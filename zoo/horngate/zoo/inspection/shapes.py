"""What a file does not tell of its layers, worked out from the upgraded configuration's settings and wires."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from horngate.zoo.files.upgrade.step import Entry, config_of, is_model, name_of
from horngate.zoo.files.upgrade.wires import tensors_in
from horngate.zoo.inspection.shape_rules import Shape, output_shape

_DEEPEST = 12


@dataclass(frozen=True, kw_only=True)
class Call:
    """The first call of a layer: its class and settings, the shapes that it reads, and of which layers' outputs."""

    class_name: str
    config: Entry
    inputs: tuple[Shape, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """By the path of a layer's name: the shape of its first output, and its call; what is not known is left out."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)


def inferred(model: Entry) -> Inferred:
    """What the layers of a model are fed and make.

    `model` is in the form that `horngate.zoo.files.upgrade` gives old configurations, `with_calls` today's.
    """
    found = Inferred()
    _through(model, None, "", found, 0)
    return found


def _through(
    model: Entry, given: Sequence[Shape] | None, path: str, found: Inferred, depth: int
) -> Shape | None:
    """The model's first output for the given inputs; None where something on the way is not known."""
    if depth > _DEEPEST:
        return None
    if model["class_name"] == "Sequential":
        return _along(model, given, path, found, depth)
    made = _wired(model, given, path, found, depth)
    ends = [made.get((one["of"], one["call"])) for one in tensors_in(config_of(model).get("output_layers"))]
    return ends[0] if ends else None


def _along(
    model: Entry, given: Sequence[Shape] | None, path: str, found: Inferred, depth: int
) -> Shape | None:
    shape, before = given[0] if given else None, ""
    for layer in config_of(model).get("layers", []):
        if layer.get("class_name") == "InputLayer":
            shape = shape or _told(layer)
        else:
            _read(layer, [shape] if shape else [], [before] if before else [], path, found)
            shape = _one(layer, [shape] if shape else [], path, found, depth)
        before = name_of(layer)
        _note(layer, shape, path, found)
    return shape


def _wired(
    model: Entry, given: Sequence[Shape] | None, path: str, found: Inferred, depth: int
) -> dict[tuple[str, int], Shape]:
    """The output of every call, by the layer's name and the call's number."""
    layers = config_of(model)["layers"]
    inputs = [one["of"] for one in tensors_in(config_of(model).get("input_layers"))]
    made: dict[tuple[str, int], Shape] = {}
    for layer in layers:
        if layer["class_name"] == "InputLayer":
            place = inputs.index(layer["name"]) if layer["name"] in inputs else -1
            shape = given[place] if given and 0 <= place < len(given) else _told(layer)
            if shape:
                made[layer["name"], 0] = shape
                _note(layer, shape, path, found)
    waiting = list(_calls(layers))
    while waiting:
        left = [call for call in waiting if not _called(*call, made, path, found, depth)]
        if len(left) == len(waiting):
            break
        waiting = left
    return made


def _calls(layers: Sequence[Entry]) -> Iterator[tuple[Entry, int, Any]]:
    for layer in layers:
        for number, call in enumerate(layer.get("calls") or ()):
            yield layer, number, call


def _called(
    layer: Entry,
    number: int,
    call: Any,
    made: dict[tuple[str, int], Shape],
    path: str,
    found: Inferred,
    depth: int,
) -> bool:
    """Whether the call is done with: its inputs were known."""
    needed = [(one["of"], one["call"]) for one in tensors_in(call["input"])]
    if not all(key in made for key in needed):
        return False
    inputs = [made[key] for key in needed]
    _read(layer, inputs, [of + (f":{call}" if call else "") for of, call in needed], path, found)
    shape = _one(layer, inputs, path, found, depth)
    if shape:
        made[layer["name"], number] = shape
        _note(layer, shape, path, found)
    return True


def _one(layer: Entry, inputs: Sequence[Shape], path: str, found: Inferred, depth: int) -> Shape | None:
    kind, config = layer["class_name"], config_of(layer)
    if is_model(layer):
        return _through(layer, inputs or None, f"{path}{name_of(layer)}/", found, depth + 1)
    inner = config.get("layer")
    if kind == "TimeDistributed" and inner and inputs and len(inputs[0]) > 2:
        step = _one(
            inner, [(inputs[0][0], *inputs[0][2:])], f"{path}{name_of(layer)}/", Inferred(), depth + 1
        )
        return (step[0], inputs[0][1], *step[1:]) if step else None
    if kind == "Bidirectional" and inner:
        one_way = _one(inner, inputs, path, Inferred(), depth + 1)
        doubled = config.get("merge_mode", "concat") == "concat"
        return (*one_way[:-1], (one_way[-1] or 0) * (2 if doubled else 1)) if one_way else None
    return output_shape(kind, config, inputs)


def _told(layer: Entry) -> Shape | None:
    shape = config_of(layer).get("batch_shape")
    return tuple(shape) if isinstance(shape, list) else None


def _read(layer: Entry, inputs: Sequence[Shape], names: Sequence[str], path: str, found: Inferred) -> None:
    call = Call(
        class_name=layer["class_name"],
        config=config_of(layer),
        inputs=tuple(inputs),
        reads=tuple(dict.fromkeys(path + name for name in names)),
    )
    found.calls.setdefault(path + name_of(layer), call)


def _note(layer: Entry, shape: Shape | None, path: str, found: Inferred) -> None:
    if shape:
        found.shapes.setdefault(path + name_of(layer), shape)
