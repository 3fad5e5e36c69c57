"""The part of a Keras model that computes what is asked for, as a Keras model."""

from collections.abc import Sequence
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.wiring import Call, Wiring, output_names, wiring_of


def submodel(model: Any, names: Sequence[str]) -> Any:
    """A model from all of the model's inputs to the named tensors, as lists; weights are shared, not copied.

    A name is what `describe` lists: an output, or a layer's output, those of nested models included.
    InvalidRequest for a name that is none of these.
    """
    wiring = wiring_of(model)
    own = dict(zip(output_names(model, wiring), wiring.outputs, strict=True))
    tensors = [own[name] if name in own else _tensor(wiring, name) for name in names]
    return keras.Model(list(wiring.inputs), tensors)


def _tensor(wiring: Wiring, name: str) -> Any:
    for call in wiring.calls:
        if name in call.names:
            return call.outputs[call.names.index(name)]
        if call.inner is not None and _holds(call.inner, name):
            return _nested(call, call.inner, name)
    raise InvalidRequest(f"no layer output '{name}'")


def _holds(wiring: Wiring, name: str) -> bool:
    return any(name in call.names for call in wiring.every_call())


def _nested(call: Call, inner: Wiring, name: str) -> Any:
    """A tensor inside a nested model, fed by what its caller feeds that model."""
    part = keras.Model(list(inner.inputs), [_tensor(inner, name)])
    fed = [tensor for tensor in keras.tree.flatten(call.arguments) if keras.utils.is_keras_tensor(tensor)]
    return keras.tree.flatten(part(fed))[0]
