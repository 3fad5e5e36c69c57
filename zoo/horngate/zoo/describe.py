"""A Keras model as its callers see it."""

from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec, datatype_of
from horngate.zoo.wiring import Call, Wiring, input_names, output_names, wiring_of


def describe(model: Any) -> ModelSpec:
    """The model's inputs, outputs and layers, nested ones by path. LoadError for a model without a graph.

    Input names are those of the Input layers; output names are told in `horngate.zoo.wiring.output_names`.
    Operations on tensors (`x + y`, `keras.ops.mean(x)`) count as layers without parameters.
    """
    wiring = wiring_of(model)
    return ModelSpec(
        inputs=_specs(input_names(wiring), wiring.inputs),
        outputs=_specs(output_names(model, wiring), wiring.outputs),
        layers=_layers(wiring, producers={}),
        parameters=int(model.count_params()),
    )


def _layers(wiring: Wiring, producers: dict[int, str]) -> tuple[LayerSpec, ...]:
    producers = dict(producers)
    layers: list[LayerSpec] = []
    for call in wiring.calls:
        layers.append(_layer(call, producers))
        producers.update({id(tensor): name for tensor, name in zip(call.outputs, call.names, strict=True)})
        if call.inner is not None:
            layers.extend(_layers(call.inner, {}))
    return tuple(layers)


def _layer(call: Call, producers: dict[int, str]) -> LayerSpec:
    read = (id(tensor) for tensor in keras.tree.flatten((call.arguments, call.keywords)))
    return LayerSpec(
        name=call.names[0],
        class_name=type(call.operation).__name__,
        outputs=_requestable(call),
        parameters=_parameters(call.operation),
        inputs=tuple(dict.fromkeys(producers[tensor] for tensor in read if tensor in producers)),
    )


def _requestable(call: Call) -> tuple[TensorSpec, ...]:
    """All outputs but scalars, which have no rows to give to one request and not to another."""
    return tuple(
        _spec(name, tensor) for name, tensor in zip(call.names, call.outputs, strict=True) if tensor.shape
    )


def _parameters(operation: Any) -> int:
    return int(operation.count_params()) if isinstance(operation, keras.Layer) and operation.built else 0


def _specs(names: tuple[str, ...], tensors: tuple[Any, ...]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(name, tensor) for name, tensor in zip(names, tensors, strict=True))


def _spec(name: str, tensor: Any) -> TensorSpec:
    if not tensor.shape:
        raise LoadError(f"tensor '{name}' is a scalar for the whole batch; expected a first axis of rows")
    try:
        datatype = datatype_of(tensor.dtype)
    except (KeyError, TypeError):
        raise LoadError(
            f"tensor '{name}' has dtype {tensor.dtype}, which no protocol datatype carries"
        ) from None
    return TensorSpec(name=name, datatype=datatype, shape=(None, *tensor.shape[1:]))
