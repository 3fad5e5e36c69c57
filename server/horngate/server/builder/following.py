"""What Keras answers to the second step of a sequence, for engines to be compared with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.contract.models import ModelSpec
from horngate.server.agreement import worst_error
from horngate.server.builder.reference import Array
from horngate.server.following import Following
from horngate.zoo.stateful import Kept, step


def following(
    model: Any,
    spec: ModelSpec,
    kept: Sequence[Kept],
    reference: tuple[Sequence[Array], Sequence[Array]],
    tolerance: float,
) -> Following | str:
    """The reference's inputs as a second step after themselves; or why the model cannot be stepped through.

    The first step is to answer as the model does that begins anew in every call.
    """
    inputs, expected = reference
    if any(state.dtype == "bfloat16" for each in kept for state in each.states):
        return "its states are bfloat16, which numpy does not hold"
    begin = [array for each in kept for array in each.begin]
    rows = inputs[0].shape[0]
    try:
        first, before = _stepped(model, spec, kept, inputs, [np.repeat(one, rows, axis=0) for one in begin])
        worst = worst_error(expected, first)
        if worst > tolerance:
            return f"its first step differs by {worst:.1e} of the output's scale from one with fresh states"
        outputs, after = _stepped(model, spec, kept, inputs, before)
    except Exception as fault:
        return str(fault).strip().splitlines()[0]
    return Following(begin=begin, before=before, outputs=outputs, after=after)


def _stepped(
    model: Any, spec: ModelSpec, kept: Sequence[Kept], inputs: Sequence[Array], states: Sequence[Array]
) -> tuple[list[Array], list[Array]]:
    import keras

    from horngate.zoo.submodel import submodel

    part = submodel(model, [output.name for output in spec.outputs])
    tensors, given = ([keras.ops.convert_to_tensor(one) for one in arrays] for arrays in (inputs, states))
    outputs, after = step(part, kept, tensors, given)
    return [_plain(one) for one in outputs], [_plain(one) for one in after]


def _plain(tensor: Any) -> Array:
    import keras

    array = np.asarray(keras.ops.convert_to_numpy(tensor))
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
