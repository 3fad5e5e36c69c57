"""The part of a Keras model that computes what is asked for, as a Keras model."""

from collections.abc import Sequence
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.wiring import Call, Wiring, output_names, wiring_of


def submodel(model: Any, names: Sequence[str]) -> Any:
    """A model from all of the model's inputs to the named tensors, as lists; weights are shared, not copied.

    A name is what `describe` lists: an output, or a layer's output, those of nested models included. Each layer is
    called as often as in the model, so random layers and normalizations in training see no more than they do there.
    InvalidRequest for a name that is none of these.
    """
    wiring = wiring_of(model)
    own = dict(zip(output_names(model, wiring), wiring.outputs, strict=True))
    replay = _Replay({name for name in names if name not in own})
    replay.run(wiring)
    tensors = [replay.now(own[name]) if name in own else replay.named(name) for name in names]
    return keras.Model(list(wiring.inputs), tensors)


class _Replay:
    """A wiring gone through again, with nested models taken apart where something inside of them is asked for.

    Only what reads from such a model is called again; all else stays the tensor that it is.
    """

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._found: dict[str, Any] = {}
        # Invariant: by `id` of a tensor of the model, the tensor that takes its place, where that is another.
        self._instead: dict[int, Any] = {}

    def now(self, tensor: Any) -> Any:
        """What takes the place of one of the model's tensors."""
        return self._instead.get(id(tensor), tensor)

    def named(self, name: str) -> Any:
        """The tensor of that name."""
        if name not in self._found:
            raise InvalidRequest(f"no layer output '{name}'")
        return self._found[name]

    def run(self, wiring: Wiring) -> None:
        """Go through the calls of a model whose inputs have their places."""
        for call in wiring.calls:
            if call.inner is not None and self._is_asked(call.inner):
                self._take_apart(call, call.inner)
            else:
                self._call(call)
            for name in self._names & set(call.names):
                self._found[name] = self.now(call.outputs[call.names.index(name)])

    def _is_asked(self, wiring: Wiring) -> bool:
        return any(self._names & set(call.names) for call in wiring.every_call())

    def _take_apart(self, call: Call, inner: Wiring) -> None:
        fed = [one for one in keras.tree.flatten(call.arguments) if keras.utils.is_keras_tensor(one)]
        self._place(inner.inputs, [self.now(tensor) for tensor in fed])
        self.run(inner)
        self._place(call.outputs, [self.now(tensor) for tensor in inner.outputs])

    def _call(self, call: Call) -> None:
        read = keras.tree.flatten((call.arguments, call.keywords))
        if not any(id(tensor) in self._instead for tensor in read):
            return
        arguments, keywords = keras.tree.map_structure(self.now, (call.arguments, call.keywords))
        self._place(call.outputs, keras.tree.flatten(call.operation(*arguments, **keywords)))

    def _place(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        self._instead.update(zip(map(id, before), now, strict=True))
