"""A model's weights in the order in which Keras 1 and 2 stored them, layer by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from horngate.zoo.files.rebuild.models import LISTED


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Weights of one layer that lie together in a file: those that it trains, or those that it does not."""

    layer: Any
    variables: tuple[Any, ...]
    is_trained: bool


def layers_in_order(model: Any) -> tuple[Any, ...]:
    """A model's layers in the file's order, or in Keras's for a model that no file made."""
    listed: tuple[Any, ...] | None = getattr(model, LISTED, None)
    return tuple(model.layers) if listed is None else listed


def slots(layer: Any) -> tuple[Slot, ...]:
    """The layer's weights as a file has them: of all layers inside, what is trained, then what is not."""
    inner = tuple(_inner(layer))
    if not inner:
        return tuple(_own(layer))
    every = [slot for one in inner for slot in slots(one)]
    return (*(slot for slot in every if slot.is_trained), *(slot for slot in every if not slot.is_trained))


def _inner(layer: Any) -> Iterator[Any]:
    """The layers whose weights make up this one's."""
    if isinstance(layer, keras.Model):
        yield from layers_in_order(layer)
    elif isinstance(layer, keras.layers.Bidirectional):
        yield from (layer.forward_layer, layer.backward_layer)
    elif isinstance(layer, keras.layers.Wrapper):
        yield layer.layer
    elif type(layer) is keras.layers.RNN:
        yield layer.cell
    elif isinstance(layer, keras.layers.StackedRNNCells):
        yield from layer.cells


def _own(layer: Any) -> Iterator[Slot]:
    trained = tuple(layer.trainable_weights)
    kept = {id(variable) for variable in trained}
    others = tuple(variable for variable in layer.weights if id(variable) not in kept)
    if trained:
        yield Slot(layer=layer, variables=trained, is_trained=True)
    if others:
        yield Slot(layer=layer, variables=others, is_trained=False)
