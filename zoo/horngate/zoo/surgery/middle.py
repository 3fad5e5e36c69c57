"""Layers put into a model, taken out of its middle, or exchanged for others."""

from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.surgery.places import at, refuse_input, refuse_taken_names
from horngate.zoo.surgery.rewiring import rewired
from horngate.zoo.wiring import tensors_read, wiring_of


def insert(model: Any, layer: Any, *, after: str) -> Any:
    """The model with a layer (or a model) between `after`, which may be an input, and all that reads it."""

    def change(inner: Any, place: Any) -> Any:
        refuse_taken_names(inner, [layer])
        return rewired(inner, {}, after={id(place): layer})

    return at(model, after, change)


def replace(model: Any, name: str, layer: Any) -> Any:
    """The model with a layer (or a model) in the place of another; what comes after has to take what it makes."""

    def change(inner: Any, place: Any) -> Any:
        refuse_input(inner, place)
        refuse_taken_names(inner, [layer], gone=place)
        return rewired(inner, {id(place): layer})

    return at(model, name, change)


def remove(model: Any, name: str) -> Any:
    """The model without a layer: what read it reads what that read, which has to be one tensor and to fit."""

    def change(inner: Any, place: Any) -> Any:
        refuse_input(inner, place)
        for call in wiring_of(inner).calls:
            if call.operation is place and (len(tensors_read(call)), len(call.outputs)) != (1, 1):
                raise InvalidRequest(
                    f"model '{inner.name}': layer '{name}' reads {len(tensors_read(call))} tensors and makes "
                    f"{len(call.outputs)}; only a layer with one of each can be taken out"
                )
        return rewired(inner, {id(place): _nothing})

    return at(model, name, change)


def _nothing(*arguments: Any, **keywords: Any) -> Any:
    """What a layer that is not there makes of the one tensor it is given."""
    return next(one for one in keras.tree.flatten((arguments, keywords)) if keras.utils.is_keras_tensor(one))
