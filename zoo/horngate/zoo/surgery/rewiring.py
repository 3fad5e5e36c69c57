"""A graph called anew from where it changes on; what lies before stays as it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.surgery.assembling import assemble
from horngate.zoo.wiring import Call, structures_of, wiring_of, without_masks

Change = Callable[..., Any]
"""Called in place of an operation, with what that would be called with now."""


@dataclass
class Rewiring:
    """Some calls of a model made again. `moved` has, by `id` of an old tensor, the one in its place; `made` has,
    by the call's name, all that a call which was made again gave.
    """

    model: Any
    moved: dict[int, Any] = field(default_factory=dict)
    made: dict[str, list[Any]] = field(default_factory=dict)

    def run(
        self, calls: Iterable[Call], changes: Mapping[int, Change], after: Mapping[int, Change] | None = None
    ) -> None:
        """Go through the calls in their order. `changes` are called in place of operations, given by their `id`;
        `after` on what the operations make.

        Layers are called again on what reaches them now, with the weights they have. InvalidRequest names the
        first that does not take it.
        """
        for call in calls:
            made: Sequence[Any] = call.outputs
            change = changes.get(id(call.operation))
            read = keras.tree.flatten((call.arguments, call.keywords))
            if change is not None or any(id(value) in self.moved for value in read):
                arguments, keywords = self.now((call.arguments, without_masks(call)))
                made = self._call(call, change or call.operation, arguments, keywords)
                self.made[call.names[0]] = list(made)
            follower = (after or {}).get(id(call.operation))
            if follower is not None:
                made = self._call(call, follower, made, {})
            self.moved.update(
                (id(old), new) for old, new in zip(call.outputs, made, strict=False) if old is not new
            )

    def now(self, structure: Any) -> Any:
        """Old tensors in any structure replaced by those in their places."""
        return keras.tree.map_structure(lambda value: self.moved.get(id(value), value), structure)

    def _call(
        self, call: Call, operation: Change, arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Sequence[Any]:
        try:
            made: Sequence[Any] = keras.tree.flatten(operation(*arguments, **keywords))
        except (ValueError, TypeError) as error:
            name = getattr(operation, "name", call.names[0])
            raise InvalidRequest(
                f"model '{self.model.name}': '{name}' does not take what reaches it now: "
                f"{' '.join(str(error).split())[:400]}"
            ) from error
        return made


def rewired(model: Any, changes: Mapping[int, Change], after: Mapping[int, Change] | None = None) -> Any:
    """The model in which every call of some operations makes something else; see Rewiring.run."""
    rewiring = Rewiring(model)
    rewiring.run(wiring_of(model).calls, changes, after)
    _, outputs = structures_of(model)
    return assemble(model, rewiring.now(outputs))
