"""A Keras model as its callers see it."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import TensorSpec, datatype_of
from horngate.zoo.costs import macs
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
        layers=_layers(wiring, model.layers),
        parameters=int(model.count_params()),
    )


def _layers(wiring: Wiring, own: Sequence[Any]) -> tuple[LayerSpec, ...]:
    """Each call, a nested model's own right after its call. `own` are the layers of the model around them."""
    producers: dict[int, str] = {}
    places = {id(layer): index for index, layer in enumerate(own)}
    layers: list[LayerSpec] = []
    for call in wiring.calls:
        inside = _layers(call.inner, call.operation.layers) if call.inner is not None else ()
        # Further calls of a layer have no place of their own.
        layers.append(_layer(call, producers, places.pop(id(call.operation), None), inside))
        producers.update({id(tensor): name for tensor, name in zip(call.outputs, call.names, strict=True)})
        layers.extend(inside)
    return tuple(layers)


def _layer(
    call: Call, producers: Mapping[int, str], index: int | None, inside: Sequence[LayerSpec]
) -> LayerSpec:
    read = (id(tensor) for tensor in keras.tree.flatten((call.arguments, call.keywords)))
    return LayerSpec(
        name=call.names[0],
        class_name=type(call.operation).__name__,
        outputs=_requestable(call),
        parameters=_parameters(call.operation),
        inputs=tuple(dict.fromkeys(producers[tensor] for tensor in read if tensor in producers)),
        index=index,
        macs=_macs(call) if call.inner is None else _total(inside),
    )


def _macs(call: Call) -> int | None:
    read = keras.tree.flatten((call.arguments, call.keywords))
    return macs(
        type(call.operation).__name__,
        _config(call.operation),
        [tensor.shape for tensor in read if keras.utils.is_keras_tensor(tensor)],
        call.outputs[0].shape,
        has_weights=_parameters(call.operation) > 0,
    )


def _config(operation: Any) -> dict[str, Any]:
    """A layer's settings; nothing for operations, and for layers of an operator's own that tell none."""
    if not isinstance(operation, keras.Layer):
        return {}
    try:
        return dict(operation.get_config())
    except Exception:
        return {}


def _total(layers: Sequence[LayerSpec]) -> int | None:
    """What the layers take together; a model inside tells the sum of its own already."""
    outermost = [layer for layer in layers if not any(_is_inside(layer, other) for other in layers)]
    known = [layer.macs for layer in outermost if layer.macs is not None]
    return sum(known) if len(known) == len(outermost) else None


def _is_inside(layer: LayerSpec, other: LayerSpec) -> bool:
    return layer.name.startswith(f"{other.name}/")


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
