"""Where in a model an operation takes place: its layers by name, those of nested models by path."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.contract.names import nearest
from horngate.zoo.surgery.rewiring import rewired
from horngate.zoo.wiring import Call, wiring_of


def at(model: Any, path: str, change: Callable[[Any, Any], Any]) -> Any:
    """The model with `change(model, layer)` done to it; in a nested model, for a path that leads into one.

    A nested model that is called several times is changed in all of its calls.
    """
    name, _, rest = path.partition("/")
    call = call_of(model, name)
    if not rest:
        return change(model, call.operation)
    if call.inner is None:
        raise InvalidRequest(
            f"model '{model.name}': layer '{name}' is no model that has layers, as '{path}' says"
        )
    inner = at(call.operation, rest, change)
    return rewired(model, {id(call.operation): inner})


def call_of(model: Any, name: str) -> Call:
    """The first call of the model's layer, or operation, of that name. InvalidRequest, with near names, if none."""
    calls = wiring_of(model).calls
    found = next((call for call in calls if call.operation.name == name or name in call.names), None)
    if found is None:
        raise missing(model, name, (call.names[0] for call in calls))
    return found


def missing(model: Any, name: str, names: Iterable[str]) -> InvalidRequest:
    """What to say of a name that a model does not have."""
    return InvalidRequest(
        f"model '{model.name}': no layer '{name}'; expected {nearest(name, dict.fromkeys(names))}"
    )


def refuse_taken_names(model: Any, added: Iterable[Any], gone: Any = None) -> None:
    """InvalidRequest if a layer to be added has the name of another one that stays."""
    there = {call.operation.name: call.operation for call in wiring_of(model).calls}
    for layer in added:
        same = there.get(layer.name)
        if same is not None and same is not layer and same is not gone:
            raise InvalidRequest(
                f"model '{model.name}': there is a layer '{layer.name}' already; give the new one another name"
            )


def refuse_input(model: Any, layer: Any) -> None:
    """InvalidRequest if the layer is one of the model's inputs."""
    if isinstance(layer, keras.layers.InputLayer):
        raise InvalidRequest(
            f"model '{model.name}': '{layer.name}' is an input; expected a layer that computes something"
        )
