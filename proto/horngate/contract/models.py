"""What a model is to those who ask it: its inputs, its outputs, and every layer that can be an output."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from horngate.contract.tensors import TensorSpec


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer. Each of `outputs` carries the name by which a request asks for it.

    A layer called once with one output is asked for by its own name; a further call is `name:1`, `name:2`;
    the outputs after the first of a layer that has several are `name.1`, `name.2` (both: `name:1.2`). A layer
    of a nested model is `inner/name`. `parameters` counts scalars; `inputs` names the layer outputs it reads.
    """

    name: str
    class_name: str
    outputs: tuple[TensorSpec, ...]
    parameters: int
    inputs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "name": self.name,
            "class_name": self.class_name,
            "outputs": [spec.to_json() for spec in self.outputs],
            "parameters": self.parameters,
            "inputs": list(self.inputs),
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
