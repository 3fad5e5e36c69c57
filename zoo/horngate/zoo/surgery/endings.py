"""Inner layers as a model's outputs, those of nested models too."""

from collections.abc import Mapping, Sequence
from typing import Any

from horngate.contract.errors import InvalidRequest
from horngate.zoo.describe import describe
from horngate.zoo.surgery.assembling import ancestors, assemble
from horngate.zoo.surgery.places import missing
from horngate.zoo.surgery.rewiring import Rewiring
from horngate.zoo.wiring import Call, Wiring, output_names, tensors_read, wiring_of


def end_at(model: Any, *names: str) -> Any:
    """The model whose output is what `names` say, a list for several: outputs, or layers' outputs, by path too.

    Names are those of a request, so `layer:-2` is one; see ModelSpec.meant.
    Nested models on the way are cut, too, and keep their names.
    """
    if not names:
        raise InvalidRequest(f"model '{model.name}': no layer is named to end at; expected one or more")
    wiring = wiring_of(model)
    known = _known(model, wiring)
    names = tuple(name if name in known else _meant(model, name) for name in names)
    inside = {name: _around(model, wiring, name) for name in names if name not in known}
    ends = [known[name] for name in names if name in known]
    ends = _exposed(model, wiring, names, inside) if inside else ends
    return assemble(model, ends[0] if len(ends) == 1 else ends)


def named_ends(model: Any, *names: str) -> Any:
    """Like `end_at`, but each output has the name asked for: a dict gives it to what lies in nested models."""
    names = tuple(_meant(model, name) for name in names)
    ended = end_at(model, *names)
    wiring = wiring_of(ended)
    if output_names(ended, wiring) == names:
        return ended
    return assemble(ended, dict(zip(names, wiring.outputs, strict=True)))


def _meant(model: Any, name: str) -> str:
    found = describe(model).meant(name)
    return name if found is None else found.name


def _known(model: Any, wiring: Wiring) -> dict[str, Any]:
    """The tensors of the model's own graph by name."""
    own = dict(zip(output_names(model, wiring), wiring.outputs, strict=True))
    return {
        name: tensor for call in wiring.calls for name, tensor in zip(call.names, call.outputs, strict=True)
    } | own


def _around(model: Any, wiring: Wiring, name: str) -> Call:
    """The call of the nested model that the name leads into."""
    for call in wiring.calls:
        if call.inner is not None and name.startswith(f"{call.names[0]}/"):
            return call
    raise missing(model, name, (one for call in wiring.every_call() for one in call.names))


def _exposed(model: Any, wiring: Wiring, names: Sequence[str], inside: Mapping[str, Call]) -> list[Any]:
    """The named tensors, once each nested model that holds some of them gives them as outputs of its own."""
    known = _known(model, wiring)
    read = [tensor for call in inside.values() for tensor in tensors_read(call)]
    needed = ancestors(wiring, [*(known[name] for name in names if name in known), *read])
    given = _given(wiring, inside, needed)
    cuts = {
        id(call.operation): end_at(call.operation, *given[id(call.operation)]) for call in inside.values()
    }
    entered = {call.names[0] for call in inside.values()}
    rewiring = Rewiring(model)
    rewiring.run(
        (
            call
            for call in wiring.calls
            if call.names[0] in entered or any(id(output) in needed for output in call.outputs)
        ),
        cuts,
    )
    ends = []
    for name in names:
        if name in inside:
            call = inside[name]
            which = given[id(call.operation)].index(_within(call, name))
            ends.append(rewiring.made[call.names[0]][which])
        else:
            ends.append(rewiring.now(known[name]))
    return ends


def _given(wiring: Wiring, inside: Mapping[str, Call], needed: set[int]) -> dict[int, list[str]]:
    """By `id` of each nested model: what it is to give, its own outputs first if something needs them."""
    given: dict[int, dict[str, None]] = {id(call.operation): {} for call in inside.values()}
    for call in wiring.calls:
        if id(call.operation) in given and any(id(output) in needed for output in call.outputs):
            own = output_names(call.operation, wiring_of(call.operation))
            given[id(call.operation)].update(dict.fromkeys(own))
    for name, call in inside.items():
        given[id(call.operation)][_within(call, name)] = None
    return {which: list(names) for which, names in given.items()}


def _within(call: Call, name: str) -> str:
    return name.removeprefix(f"{call.names[0]}/")
