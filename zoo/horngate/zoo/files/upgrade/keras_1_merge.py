"""Keras 1's one `Merge` layer for what are many layers today, and `Sequential` models that begin with one."""

from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import Entry, Step, config_of, is_entry, layer_step, name_of, rewritten

_MODES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}


@layer_step("keras-1-merge", "Merge layers are Add, Multiply, Concatenate and their like")
def KERAS_1_MERGE(entry: Entry, origin: Origin) -> Entry | None:
    """Each mode has a layer of its own today."""
    if entry["class_name"] != "Merge":
        return None
    config = config_of(entry)
    mode = config.get("mode", "sum")
    kept = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode in _MODES:
        return entry | {"class_name": _MODES[mode], "config": kept}
    if mode == "concat":
        return entry | {
            "class_name": "Concatenate",
            "config": kept | {"axis": config.get("concat_axis", -1)},
        }
    if mode in ("dot", "cos"):
        name = "Dot" if mode == "dot" else "horngate>CosineMerge"
        return entry | {"class_name": name, "config": kept | {"axes": config.get("dot_axes", -1)}}
    raise LoadError(
        f"layer '{name_of(entry)}' merges by a Python function of its own, stored as {config.get('mode_type')} "
        "code; only the program that wrote it can run that. Replace it by a named mode or a custom layer"
    )


def _apply(entry: Entry, origin: Origin) -> tuple[Entry, tuple[str, ...]]:
    touched: list[str] = []

    def visit(model: Entry) -> Entry:
        layers = config_of(model).get("layers")
        if model["class_name"] != "Sequential" or not layers or not _is_merge(layers[0]):
            return model
        touched.append(name_of(model))
        return _functional(model, layers)

    return rewritten(entry, visit), tuple(touched)


KERAS_1_BRANCHES = Step(
    name="keras-1-branches",
    says="a Sequential model that begins by merging branches is a functional model",
    apply=_apply,
)


def _is_merge(layer: Entry) -> bool:
    return layer["class_name"] == "Merge" and isinstance(config_of(layer).get("layers"), list)


def _functional(model: Entry, layers: list[Entry]) -> Entry:
    """Branches side by side, then the merging layer, then the others in a row."""
    graph = _Graph()
    end = graph.follow(layers)
    return model | {
        "class_name": "Functional",
        "config": {
            "name": config_of(model).get("name") or "sequential",
            "layers": graph.layers,
            "input_layers": [[name, 0, 0] for name in graph.inputs],
            "output_layers": [[*end, 0]],
        },
    }


class _Graph:
    """A functional model's layers as they are collected; a layer of the same name is the same layer."""

    def __init__(self) -> None:
        # `layers` holds each layer once, in the order of the file; `calls` how often each is called.
        self.layers: list[Entry] = []
        self.inputs: list[str] = []
        self._calls: dict[str, int] = {}

    def follow(self, layers: list[Entry]) -> tuple[str, int]:
        """Add a row of layers; the last call's layer and number."""
        end: tuple[str, int] | None = None
        for layer in layers:
            if _is_merge(layer):
                branches = [self.follow(_row(branch)) for branch in config_of(layer)["layers"]]
                end = self._call(layer, [[*branch, 0] for branch in branches])
            elif layer["class_name"] == "Sequential":
                end = self._follow_inner(layer, end)
            elif layer["class_name"] == "InputLayer":
                end = self._given(name_of(layer), config_of(layer))
            else:
                end = self._call(layer, [[*(end or self._input(layer)), 0]])
        if end is None:
            raise LoadError("a branch of a Merge layer holds no layers")
        return end

    def _follow_inner(self, model: Entry, end: tuple[str, int] | None) -> tuple[str, int]:
        """Keras 1 stored the weights of a model inside a Sequential one layer by layer, as if it was flat."""
        inner = _row(model)
        if end is None:
            return self.follow(inner)
        for layer in inner:
            end = self._call(layer, [[*end, 0]])
        return end

    def _input(self, layer: Entry) -> tuple[str, int]:
        config = config_of(layer)
        settings: dict[str, Any] = {"batch_input_shape": config.get("batch_input_shape")}
        dtype = config.get("input_dtype") or config.get("dtype")
        return self._given(f"{name_of(layer)}_input", settings | ({"dtype": dtype} if dtype else {}))

    def _given(self, name: str, settings: dict[str, Any]) -> tuple[str, int]:
        if name not in self._calls:
            layer = {"class_name": "InputLayer", "name": name, "config": settings | {"name": name}}
            self.layers.append(layer | {"inbound_nodes": []})
            self.inputs.append(name)
            self._calls[name] = 1
        return name, 0

    def _call(self, layer: Entry, read: list[list[Any]]) -> tuple[str, int]:
        name = name_of(layer)
        if name not in self._calls:
            plain = (
                {key: value for key, value in config_of(layer).items() if key != "layers"}
                if _is_merge(layer)
                else config_of(layer)
            )
            self.layers.append(layer | {"name": name, "config": plain, "inbound_nodes": []})
            self._calls[name] = 0
        entry = next(one for one in self.layers if one["name"] == name)
        entry["inbound_nodes"].append(read)
        self._calls[name] += 1
        return name, self._calls[name] - 1


def _row(branch: Entry) -> list[Entry]:
    """The layers of a branch: those of a Sequential model, or the one layer that it is."""
    config = branch.get("config")
    layers = config if isinstance(config, list) else config_of(branch).get("layers")
    if branch["class_name"] == "Sequential" and isinstance(layers, list):
        return [layer for layer in layers if is_entry(layer)]
    return [branch]
