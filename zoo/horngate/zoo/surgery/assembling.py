"""A model made of tensors that there are, with no more of a graph than they need."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.wiring import Call, Wiring, structures_of, tensors_read, wiring_of


def assemble(model: Any, outputs: Any) -> Any:
    """The model that gives these outputs, with the name of `model` and those of its inputs that are needed.

    Sequential if `model` is and the result still is one chain.
    """
    taken, _ = structures_of(model)
    whole = wiring_of(_model(model, taken, outputs))
    needed = ancestors(whole, whole.outputs)
    result = _model(model, _only(taken, needed), outputs)
    calls = [call for call in whole.calls if any(id(output) in needed for output in call.outputs)]
    if isinstance(model, keras.Sequential) and _is_chain(calls, outputs):
        return keras.Sequential([call.operation for call in calls if _is_layer(call)], name=model.name)
    return result


def _model(model: Any, inputs: Any, outputs: Any) -> Any:
    try:
        return keras.Model(inputs, outputs, name=model.name)
    except ValueError as error:
        raise InvalidRequest(f"model '{model.name}': {' '.join(str(error).split())}") from error


def ancestors(wiring: Wiring, tensors: Iterable[Any]) -> set[int]:
    """By `id`: the tensors, and every one that they come from."""
    needed = {id(tensor) for tensor in tensors}
    for call in reversed(wiring.calls):
        if any(id(output) in needed for output in call.outputs):
            read = keras.tree.flatten((call.arguments, call.keywords))
            needed.update(id(value) for value in read if keras.utils.is_keras_tensor(value))
    return needed


def _only(inputs: Any, needed: set[int]) -> Any:
    """The inputs in their own form, without those that are not needed; a list where that form cannot lose any."""
    flat = keras.tree.flatten(inputs)
    if all(id(tensor) in needed for tensor in flat):
        return inputs
    if isinstance(inputs, dict) and len(inputs) == len(flat):
        return {name: tensor for name, tensor in inputs.items() if id(tensor) in needed}
    return [tensor for tensor in flat if id(tensor) in needed]


def _is_chain(calls: Sequence[Call], outputs: Any) -> bool:
    """Whether each layer reads what the one before it makes, and nothing else, and the last makes the output."""
    layers = [call for call in calls if _is_layer(call)]
    before: Any = None
    for call in layers:
        read = tensors_read(call)
        if len(call.outputs) != 1 or list(read) != ([] if before is None else [before]):
            return False
        before = call.outputs[0]
    distinct = {id(call.operation) for call in layers}
    return outputs is before and len(distinct) == len(layers)


def _is_layer(call: Call) -> bool:
    """Operations in a Sequential model's graph compute masks alone."""
    return isinstance(call.operation, keras.Layer)
