"""Other layers, a head, or another model put onto a model."""

from collections.abc import Sequence
from typing import Any

from horngate.contract.errors import InvalidRequest
from horngate.zoo.surgery.assembling import assemble
from horngate.zoo.surgery.endings import end_at
from horngate.zoo.surgery.places import refuse_taken_names
from horngate.zoo.wiring import output_names, wiring_of


def graft(model: Any, head: Any, *, on: str | None = None, beside: bool = False) -> Any:
    """The model with a head: a layer, layers one after the other, or another model.

    It is put on the model's one output, or `on` any other or a layer's, by path too. What it makes is the result's
    output; with `beside`, the model's own outputs stay before it.
    """
    own = output_names(model, wiring_of(model))
    if on is None and len(own) > 1:
        listed = ", ".join(f"'{name}'" for name in own)
        raise InvalidRequest(f"model '{model.name}' has the outputs {listed}; say which to graft on")
    place = own[0] if on is None else on
    stock = end_at(model, *dict.fromkeys([*(own if beside else ()), place]))
    layers = head if isinstance(head, Sequence) else [head]
    refuse_taken_names(stock, layers)
    tensors = dict(
        zip(dict.fromkeys([*(own if beside else ()), place]), wiring_of(stock).outputs, strict=True)
    )
    made = tensors[place]
    for layer in layers:
        made = _put(model, layer, made)
    return assemble(stock, [*(tensors[name] for name in own), made] if beside else made)


def _put(model: Any, layer: Any, tensor: Any) -> Any:
    try:
        return layer(tensor)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(
            f"model '{model.name}': '{layer.name}' does not take {tuple(tensor.shape)}: "
            f"{' '.join(str(error).split())[:400]}"
        ) from error
