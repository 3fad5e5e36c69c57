"""Whole models from their upgraded configuration: graphs put together call by call."""

from collections.abc import Callable
from typing import Any

import keras

from horngate.contract.errors import HorngateError, LoadError
from horngate.zoo.files.rebuild.layers import Construction
from horngate.zoo.files.upgrade.step import Entry, config_of, is_entry, is_model, name_of
from horngate.zoo.files.upgrade.wires import is_tensor, tensors_in

LISTED = "_horngate_layers"
"""Where a rebuilt model keeps its layers in the file's order; Keras sorts a graph's layers by depth."""


def model_or_layer(entry: Entry, construction: Construction) -> Any:
    """What an entry stands for."""
    if not is_model(entry):
        return construction.layer(entry)
    if entry["class_name"] == "Sequential":
        return _sequential(entry, construction)
    return _functional(entry, construction)


def _sequential(entry: Entry, construction: Construction) -> Any:
    layers = [model_or_layer(layer, construction) for layer in config_of(entry)["layers"] if is_entry(layer)]
    try:
        model = keras.Sequential(layers, name=_model_name(entry))
    except Exception as error:  # building runs every layer on a symbol
        raise LoadError(f"model '{name_of(entry)}' does not fit together: {_short(error)}") from error
    setattr(model, LISTED, tuple(filter(_has_weights, layers)))
    return model


def _functional(entry: Entry, construction: Construction) -> Any:
    config = config_of(entry)
    layers = {layer["name"]: model_or_layer(layer, construction) for layer in config["layers"]}
    outputs = _Graph(config["layers"], layers).run()
    inputs, ends = (
        _filled(config[key], lambda tensor: outputs[tensor["of"], tensor["call"]][tensor["tensor"]])
        for key in ("input_layers", "output_layers")
    )
    try:
        model = keras.Model(_alone(inputs), _alone(ends), name=_model_name(entry))
    except Exception as error:
        raise LoadError(f"model '{name_of(entry)}' does not fit together: {_short(error)}") from error
    listed = (layers[layer["name"]] for layer in config["layers"])
    setattr(model, LISTED, tuple(filter(_has_weights, listed)))
    return model


def _has_weights(layer: Any) -> bool:
    """Whether this is a layer that may have weights: neither an input nor an operation of `keras.ops`."""
    return isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.layers.InputLayer)


class _Graph:
    """The calls of a functional model, each made as soon as all that it reads is there."""

    def __init__(self, entries: list[Entry], layers: dict[str, Any]) -> None:
        # `_made` has the outputs of every call made so far, by layer and the number of its call.
        self._layers = layers
        self._made: dict[tuple[str, int], list[Any]] = {
            (name, 0): [layer.output]
            for name, layer in layers.items()
            if isinstance(layer, keras.layers.InputLayer)
        }
        self._waiting = [
            (entry["name"], number, call)
            for entry in entries
            for number, call in enumerate(entry.get("calls") or [])
        ]

    def run(self) -> dict[tuple[str, int], list[Any]]:
        """Make every call. LoadError if some wait for one another, or a layer refuses."""
        while self._waiting:
            left = [waiting for waiting in self._waiting if not self._call(*waiting)]
            if len(left) == len(self._waiting):
                names = ", ".join(f"'{name}'" for name, _, _ in left[:5])
                raise LoadError(f"layers {names} read tensors that no layer of the model computes")
            self._waiting = left
        return self._made

    def _call(self, name: str, number: int, call: dict[str, Any]) -> bool:
        needed = [(tensor["of"], tensor["call"]) for tensor in tensors_in(call)]
        # A layer's calls are counted, so they are made in order.
        if any(one not in self._made for one in needed) or (number and (name, number - 1) not in self._made):
            return False
        given = _filled(call["input"], self._tensor)
        keywords = {key: _filled(value, self._tensor) for key, value in call["keywords"].items()}
        keywords = {key: value for key, value in keywords.items() if _says(value) and key != "training"}
        try:
            more = [_filled(value, self._tensor) for value in call.get("more", ())]
            result = self._layers[name](_alone(given), *more, **keywords)
        except HorngateError:
            raise
        except Exception as error:  # whatever a layer raises on a symbol
            raise LoadError(
                f"layer '{name}' ({type(self._layers[name]).__name__}) cannot be called as the file says: "
                f"{_short(error)}"
            ) from error
        self._made[name, number] = list(keras.tree.flatten(result))
        return True

    def _tensor(self, tensor: dict[str, Any]) -> Any:
        outputs = self._made[tensor["of"], tensor["call"]]
        if tensor["tensor"] >= len(outputs):
            raise LoadError(
                f"output {tensor['tensor']} of layer '{tensor['of']}' is read; it has {len(outputs)} outputs"
            )
        return outputs[tensor["tensor"]]


def _filled(value: Any, tensor: Callable[[dict[str, Any]], Any]) -> Any:
    if is_tensor(value):
        return tensor(value)
    if isinstance(value, dict) and value.keys() == {"value"}:
        return value["value"]
    if isinstance(value, dict):
        return {key: _filled(one, tensor) for key, one in value.items()}
    return [_filled(one, tensor) for one in value] if isinstance(value, list) else value


def _says(value: Any) -> bool:
    """Whether an argument was given: early Keras 3 noted the masks that it had not, `[None, None]`."""
    return (
        any(_says(one) for one in value) if isinstance(value, list | tuple) and value else value is not None
    )


def _alone(value: Any) -> Any:
    """A list of one tensor is that tensor."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _model_name(entry: Entry) -> Any:
    name = entry.get("name") or config_of(entry).get("name")
    return name if isinstance(name, str) else None


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
