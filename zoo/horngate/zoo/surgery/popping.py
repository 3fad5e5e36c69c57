"""Layers popped off the end of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from horngate.contract.errors import InvalidRequest
from horngate.zoo.surgery.assembling import assemble
from horngate.zoo.wiring import Wiring, output_names, structures_of, tensor_names, tensors_read, wiring_of


def pop(model: Any, count: int | Mapping[str, int] = 1) -> Any:
    """The model without its last `count` layers: what the first of them read is the output.

    A model with several outputs needs `{output: count}`; its other outputs, and layers that those need, stay. A
    layer that reads several tensors cannot be popped: which of them would be the output? `end_at` says that.
    """
    wiring = wiring_of(model)
    names = output_names(model, wiring)
    own = dict(zip(names, wiring.outputs, strict=True))
    moved = {
        id(own[name]): _before(model, wiring, own[name], many)
        for name, many in _counts(model, names, count).items()
    }
    _, outputs = structures_of(model)
    return assemble(model, keras.tree.map_structure(lambda tensor: moved.get(id(tensor), tensor), outputs))


def _counts(model: Any, names: Sequence[str], count: int | Mapping[str, int]) -> Mapping[str, int]:
    listed = ", ".join(f"'{name}'" for name in names)
    if isinstance(count, Mapping):
        unknown = next((name for name in count if name not in names), None)
        if unknown is not None:
            raise InvalidRequest(
                f"model '{model.name}': pop names output '{unknown}'; expected one of {listed}"
            )
        counts = count
    elif len(names) == 1:
        counts = {names[0]: count}
    else:
        raise InvalidRequest(
            f"model '{model.name}' has the outputs {listed}; say how many layers to pop from which of them"
        )
    few = next((many for many in counts.values() if many < 1), None)
    if few is not None:
        raise InvalidRequest(f"model '{model.name}': received {few} layers to pop; expected 1 or more")
    return counts


def _before(model: Any, wiring: Wiring, tensor: Any, count: int) -> Any:
    """The tensor so many layers before this one."""
    for done in range(count):
        call = next(call for call in wiring.calls if any(tensor is output for output in call.outputs))
        read = tensors_read(call)
        if not read:
            raise InvalidRequest(
                f"model '{model.name}': received {count} layers to pop; there are {done} before its input"
            )
        if len(read) > 1:
            named = tensor_names(wiring)
            choices = ", ".join(f"'{named[id(one)]}'" for one in read)
            raise InvalidRequest(
                f"model '{model.name}': layer '{call.names[0]}' reads {len(read)} others; name the one "
                f"that is to be the output instead: {choices}"
            )
        tensor = read[0]
    return tensor
