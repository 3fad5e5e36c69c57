"""HDF5 as Keras writes it: attributes, and the two layouts of weights. The content decides which it is."""

import json
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from horngate.contract.errors import LoadError
from horngate.zoo.files.stored import Array, LayerGroup, Node, StoredArray, Weights

_LAYERS_OF_2_12 = "_layer_checkpoint_dependencies"
_NOT_WEIGHTS = frozenset({"optimizer", "metrics", "optimizer_weights"})


def text(value: Any) -> str:
    """An attribute as text; old files hold bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def json_attribute(group: Any, name: str) -> dict[str, Any] | None:
    """The object in a JSON attribute, None without one. LoadError if it is damaged."""
    if name not in group.attrs:
        return None
    try:
        found = json.loads(text(group.attrs[name]))
    except ValueError as error:
        raise LoadError(f"its attribute '{name}' is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise LoadError(f"its attribute '{name}' is a {type(found).__name__}; expected an object")
    return found


def names(group: Any, attribute: str) -> list[str]:
    """A list of names; lists above 64 KB are split into numbered attributes."""
    if attribute in group.attrs:
        return [text(name) for name in group.attrs[attribute]]
    found: list[str] = []
    part = 0
    while f"{attribute}{part}" in group.attrs:
        found.extend(text(name) for name in group.attrs[f"{attribute}{part}"])
        part += 1
    return found


def weights_of(group: Any) -> Weights | None:
    """The weights below a group in either layout, None if it holds none."""
    if "layer_names" in group.attrs or "layer_names0" in group.attrs:
        return tuple(_layer_groups(group))
    inside = _inside(group)
    if not inside and "vars" not in group:
        return None
    return Node(arrays=_variables(group), inside=inside)


def optimizer_arrays(file: Any) -> tuple[StoredArray, ...] | None:
    """The optimizer's state in the order in which it was written, None without one."""
    group = file.get("optimizer_weights")
    if group is not None:
        return tuple(_array(group, name) for name in names(group, "weight_names"))
    node = file.get("optimizer")
    return None if node is None or "vars" not in node else _variables(node)


def _layer_groups(group: Any) -> Iterator[LayerGroup]:
    for layer in names(group, "layer_names"):
        if layer not in group:
            raise LoadError(f"it lists layer '{layer}' but has no weights group of that name")
        stored = group[layer]
        yield LayerGroup(
            name=layer, arrays=tuple(_array(stored, name) for name in names(stored, "weight_names"))
        )
    top = group.get("top_level_model_weights")
    if top is not None and names(top, "weight_names"):
        yield LayerGroup(
            name="top_level_model_weights",
            arrays=tuple(_array(top, name) for name in names(top, "weight_names")),
        )


def _array(group: Any, name: str) -> StoredArray:
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise LoadError(f"weight '{name}' of '{group.name}' is listed but not stored")
    return _stored(name, dataset)


def _stored(name: str, dataset: Any) -> StoredArray:
    def read() -> Array:
        if dataset.size and dataset.id.get_storage_size() == 0:
            raise LoadError(
                f"weight '{dataset.name}' was never written: the file has its shape but no numbers"
            )
        array: Array = np.asarray(dataset[()])
        if array.dtype.kind == "V" and array.dtype.itemsize == 2:
            import ml_dtypes

            array = array.view(ml_dtypes.bfloat16)
        return array

    return StoredArray(name=name, shape=tuple(dataset.shape or ()), dtype=str(dataset.dtype), read=read)


def _node(group: Any) -> Node:
    variables = group.get("vars")
    named = text(variables.attrs.get("name")) if variables is not None else ""
    return Node(arrays=_variables(group), inside=_inside(group), name=named)


def _inside(group: Any) -> dict[str, Node]:
    """What is inside of an object, by its attribute; the parts of a list by `attribute/part`."""
    return {
        key.replace(_LAYERS_OF_2_12, "layers").replace("\\", "/"): _node(group[key])
        for key in group
        if key != "vars" and key not in _NOT_WEIGHTS and isinstance(group[key], h5py.Group)
    }


def _variables(group: Any) -> tuple[StoredArray, ...]:
    variables = group.get("vars")
    if variables is None:
        return ()
    return tuple(
        _stored(key, variables[key])
        for key in sorted(variables, key=lambda key: (len(key), key))
        if isinstance(variables[key], h5py.Dataset)
    )
