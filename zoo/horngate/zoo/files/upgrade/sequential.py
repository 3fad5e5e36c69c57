"""`Sequential` models: how their layers are listed, and how their input's shape is told."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.upgrade.step import (
    MODELS,
    Entry,
    Step,
    config_of,
    is_entry,
    layer_step,
    name_of,
    without,
)


def _listed(entry: Entry, origin: Origin) -> tuple[Entry, tuple[str, ...]]:
    touched: list[str] = []

    def visit(value: Any) -> Any:
        if isinstance(value, list):
            return [visit(one) for one in value]
        if not isinstance(value, dict):
            return value
        value = {key: visit(one) for key, one in value.items()}
        if value.get("class_name") == "Sequential" and isinstance(value.get("config"), list):
            layers = [_whole(layer) for layer in value["config"]]
            name = value.get("name") or "sequential"
            touched.append(str(name))
            return value | {"config": {"name": name, "layers": layers}}
        return value

    return visit(entry), tuple(touched)


def _whole(layer: Any) -> Any:
    """The first Keras 1 wrote a layer flat, its class as `name` and its name as `custom_name`."""
    if isinstance(layer, dict) and "class_name" not in layer and "name" in layer:
        config = {key: value for key, value in layer.items() if key not in ("name", "custom_name")}
        return {"class_name": layer["name"], "config": config | {"name": layer.get("custom_name")}}
    return layer


SEQUENTIAL_LISTS = Step(
    name="sequential-list",
    says="a Sequential model written as a bare list of layers has a name and a list",
    apply=_listed,
)


@layer_step("input-layers", "the input's shape is told by an InputLayer, not by the first layer")
def INPUT_LAYERS(entry: Entry, origin: Origin) -> Entry | None:
    """`batch_input_shape` on another layer than InputLayer means an input in front of it."""
    config = config_of(entry)
    if entry["class_name"] == "Sequential" and isinstance(config.get("layers"), list):
        return _with_input(entry, config["layers"])
    if entry["class_name"] == "InputLayer":
        return _input(entry)
    return None


def _input(entry: Entry) -> Entry:
    config = config_of(entry)
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    kept = {key: config[key] for key in ("name", "dtype", "sparse", "ragged", "optional") if config.get(key)}
    return entry | {"config": kept | ({"batch_shape": shape} if shape else {})}


def _with_input(model: Entry, layers: list[Entry]) -> Entry:
    layers = [layer for layer in layers if is_entry(layer)]
    if not layers or layers[0]["class_name"] == "InputLayer":
        return model
    shape = _told_shape(layers[0]) or config_of(model).get("build_input_shape")
    if not shape:
        return model
    config: dict[str, Any] = {"name": f"{name_of(layers[0])}_input", "batch_shape": shape}
    dtype = _told_dtype(layers[0])
    if dtype:
        config["dtype"] = dtype
    layers = [{"class_name": "InputLayer", "config": config}, *layers]
    return model | {"config": config_of(model) | {"layers": layers}}


def _told_shape(layer: Entry) -> Any:
    """A first layer's shape, or that of the first layer of a model or the layer inside of a wrapper."""
    config = config_of(layer)
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if shape:
        return shape
    inner = config.get("layers")
    if layer["class_name"] in MODELS and isinstance(inner, list) and inner and is_entry(inner[0]):
        return _told_shape(inner[0])
    return None


def _told_dtype(layer: Entry) -> Any:
    inner = config_of(layer).get("layers")
    if layer["class_name"] in MODELS and isinstance(inner, list) and inner and is_entry(inner[0]):
        return _told_dtype(inner[0])
    dtype = config_of(layer).get("dtype")
    return dtype if isinstance(dtype, str) and not dtype.startswith("mixed") else None


@layer_step("shapes-of-inputs", "only input layers tell the shape of an input")
def NO_OTHER_SHAPES(entry: Entry, origin: Origin) -> Entry | None:
    """What else told one has been given an InputLayer, or stands behind one already."""
    if entry["class_name"] == "InputLayer" or "batch_input_shape" not in config_of(entry):
        return None
    return without(entry, "batch_input_shape")
