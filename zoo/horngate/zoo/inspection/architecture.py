"""The layers of a model's configuration, as Kerases of every age wrote it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

MODELS = ("Sequential", "Functional", "Model")
_DEEPEST = 12
"""Models nested deeper than this are not looked into."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer; `path` has the names of the models around it, `depth` their number."""

    path: str
    class_name: str
    dtype: str
    output_shape: Shape | None
    depth: int


def layers_of(config: dict[str, Any]) -> tuple[Layer, ...]:
    """Every layer of a model's configuration, nested models' layers right after them."""
    return tuple(_walk(config, prefix="", depth=0))


def inputs_of(config: dict[str, Any]) -> tuple[Layer, ...]:
    """The model's inputs in its own order; a Sequential model's may be told by its first layer only."""
    outermost = [layer for layer in layers_of(config) if layer.depth == 0]
    if config.get("class_name") == "Sequential":
        first = _entries(config)[:1]
        shape = (_declared_shape(first[0]) if first else None) or _shape(
            _config(config).get("build_input_shape")
        )
        return (replace(outermost[0], output_shape=shape),) if shape else ()
    by_name = {layer.path: layer for layer in outermost}
    named = [layer.path for layer in outermost if layer.class_name == "InputLayer"]
    told = [name for name in _first_strings(_config(config).get("input_layers")) if name in by_name]
    return tuple(by_name[name] for name in (told if set(told) == set(named) else named))


def _walk(model: dict[str, Any], prefix: str, depth: int) -> Iterator[Layer]:
    entries = _entries(model)
    shapes = _shapes(entries, sequential=model.get("class_name") == "Sequential")
    for entry in entries:
        name = _name(entry)
        yield Layer(
            path=prefix + name,
            class_name=str(entry.get("class_name", "?")),
            dtype=_dtype(entry),
            output_shape=shapes.get(name),
            depth=depth,
        )
        if entry.get("class_name") in MODELS and depth < _DEEPEST:
            yield from _walk(entry, f"{prefix}{name}/", depth + 1)


def _entries(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Sequential models were a plain list of layers up to Keras 2.2."""
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []


def _name(entry: dict[str, Any]) -> str:
    config = _config(entry)
    return str(entry.get("name") or config.get("name") or entry.get("class_name", "?"))


def _config(entry: dict[str, Any]) -> dict[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, dict) else {}


def _dtype(entry: dict[str, Any]) -> str:
    dtype = _config(entry).get("dtype") or _config(entry).get("input_dtype") or "float32"
    if isinstance(dtype, dict):
        policy = dtype.get("config")
        return str(policy.get("name", "?")) if isinstance(policy, dict) else "?"
    return str(dtype)


def _shapes(entries: list[dict[str, Any]], *, sequential: bool) -> dict[str, Shape]:
    """The output shapes that a configuration tells: of inputs, and of what later layers say they read."""
    shapes: dict[str, Shape] = {}
    for position, entry in enumerate(entries):
        shape = _declared_shape(entry)
        if shape and entry.get("class_name") == "InputLayer":
            shapes[_name(entry)] = shape
        if sequential and position:
            read = entry.get("build_config")
            shape = _shape(read.get("input_shape")) if isinstance(read, dict) else None
            if shape:
                shapes.setdefault(_name(entries[position - 1]), shape)
        for producer, told in _reads(entry.get("inbound_nodes")):
            shapes.setdefault(producer, told)
    return shapes


def _declared_shape(entry: dict[str, Any]) -> Shape | None:
    return _shape(_config(entry).get("batch_shape") or _config(entry).get("batch_input_shape"))


def _first_strings(nested: Any) -> list[str]:
    """The names in `[["a", 0, 0], ["b", 0, 0]]`, in `["a", 0, 0]`, and in a dict of either."""
    if isinstance(nested, dict):
        return [name for value in nested.values() for name in _first_strings(value)]
    if not isinstance(nested, list) or not nested:
        return []
    if isinstance(nested[0], str):
        return [nested[0]]
    return [name for value in nested for name in _first_strings(value)]


def _reads(node: Any) -> Iterator[tuple[str, Shape]]:
    """Keras 3 notes the shape of each tensor beside where it came from."""
    if isinstance(node, dict):
        config = node.get("config")
        if node.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
            history, shape = config.get("keras_history"), _shape(config.get("shape"))
            if isinstance(history, list) and shape and history[2:] == [0]:
                yield str(history[0]), shape
            return
        for value in node.values():
            yield from _reads(value)
    elif isinstance(node, list):
        for value in node:
            yield from _reads(value)


def _shape(value: Any) -> Shape | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    return tuple(value) if all(size is None or isinstance(size, int) for size in value) else None
