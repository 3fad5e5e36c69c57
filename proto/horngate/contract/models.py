"""What a model is to those who ask it: its inputs, its outputs, and every layer that can be an output."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from horngate.contract.tensors import TensorSpec

_INDEXED = re.compile(r"(?P<path>(?:.*/)?)layer:(?P<index>-?[0-9]{1,9})(?P<rest>[:.].*)?")
_FIRST = re.compile(r"(?::0(?=\.[0-9]+$|$)|\.0$)")


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer. Each of `outputs` carries the name by which a request asks for it.

    A layer called once with one output is asked for by its own name; a further call is `name:1`, `name:2`;
    the outputs after the first of a layer that has several are `name.1`, `name.2` (both: `name:1.2`). A layer
    of a nested model is `inner/name`. `parameters` counts scalars; `inputs` names the layer outputs it reads.

    `index` is its place among the `layers` of its Keras model; None for further calls and for operations that are
    no layers. `macs` are the multiply-adds that a row takes; None where a request chooses that, or nobody knows.
    """

    name: str
    class_name: str
    outputs: tuple[TensorSpec, ...]
    parameters: int
    inputs: tuple[str, ...] = ()
    index: int | None = None
    macs: int | None = None

    @property
    def row_bytes(self) -> int:
        """The least bytes that its outputs take for a row; see TensorSpec."""
        return sum(spec.row_bytes for spec in self.outputs)

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "name": self.name,
            "class_name": self.class_name,
            "outputs": [spec.to_json() for spec in self.outputs],
            "parameters": self.parameters,
            "inputs": list(self.inputs),
            "index": self.index,
            "macs": self.macs,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "LayerSpec":
        """Read what `to_json` wrote."""
        return cls(
            name=data["name"],
            class_name=data["class_name"],
            outputs=tuple(TensorSpec.from_json(spec) for spec in data["outputs"]),
            parameters=data["parameters"],
            inputs=tuple(data["inputs"]),
            index=data["index"],
            macs=data["macs"],
        )


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model's signature. `inputs` and `outputs` are in Keras's own order; names are unique."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    layers: tuple[LayerSpec, ...]
    parameters: int

    @cached_property
    def requestable(self) -> dict[str, TensorSpec]:
        """Every tensor that a request may ask for, by name: the outputs, then each layer's."""
        named = {spec.name: spec for layer in self.layers for spec in layer.outputs}
        return named | {spec.name: spec for spec in self.outputs}

    def meant(self, name: str) -> TensorSpec | None:
        """The tensor that a request means by `name`; None if there is none.

        A layer may be asked for by its place among its Keras model's `layers`, from the end too (`layer:3`,
        `layer:-1`, `inner/layer:0`), and the first of several calls or outputs by its number (`shared:0`,
        `both.0`).
        """
        found = self.requestable.get(name)
        if found is None and (indexed := _INDEXED.fullmatch(name)):
            layer = self._layer_at(indexed["path"], int(indexed["index"]))
            return self.meant(layer + (indexed["rest"] or "")) if layer is not None else None
        if found is None and (first := _FIRST.search(name)):
            return self.meant(name[: first.start()] + name[first.end() :])
        return found

    def in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Requestable names, each once, in one order whatever the order and number of those received."""
        own = tuple(spec.name for spec in self.outputs)
        wanted = set(names)
        return own if wanted == set(own) else tuple(sorted(wanted))

    def _layer_at(self, path: str, index: int) -> str | None:
        places = {place: name for (inside, place), name in self._places.items() if inside == path}
        return places.get(index if index >= 0 else max(places, default=-1) + 1 + index)

    @cached_property
    def _places(self) -> dict[tuple[str, int], str]:
        """The layers that have a place, by the path of the model around them and their place in it."""
        return {
            (layer.name[: layer.name.rfind("/") + 1], layer.index): layer.name
            for layer in self.layers
            if layer.index is not None
        }

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
            "layers": [layer.to_json() for layer in self.layers],
            "parameters": self.parameters,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ModelSpec":
        """Read what `to_json` wrote."""
        return cls(
            inputs=tuple(TensorSpec.from_json(spec) for spec in data["inputs"]),
            outputs=tuple(TensorSpec.from_json(spec) for spec in data["outputs"]),
            layers=tuple(LayerSpec.from_json(layer) for layer in data["layers"]),
            parameters=data["parameters"],
        )
