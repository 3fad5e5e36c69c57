"""Whether a model's free axis may be padded, so that requests of different lengths share a batch.

It may where every step that is added is masked, and no output depends on masked steps. That follows from what the
layers are, as long as each is one of those below; and it is tried with Keras, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from horngate.contract.models import ModelSpec
from horngate.server.agreement import worst_error
from horngate.server.builder.reference import KerasModel, reference_inputs
from horngate.server.padding import lengthened
from horngate.zoo.wiring import Call, Wiring, input_names, wiring_of

TOLERANCE = 1e-5
LENGTHS = (1, 4, 9)
LONGER = 8

STEPS, MASK, CLEAN = "steps", "mask", "clean"
"""Steps, of which those that were added hold anything; what says which those are; what knows nothing of them."""

BY_STEP = (
    layers.Activation, layers.Dense, layers.Dropout, layers.ELU, layers.Embedding, layers.GaussianDropout,
    layers.GaussianNoise, layers.LeakyReLU, layers.Masking, layers.ReLU, layers.SpatialDropout1D,
)  # fmt: skip
MERGES = (
    layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract,
)  # fmt: skip
NORMALIZATIONS = (layers.BatchNormalization, layers.LayerNormalization)
RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)
OF_MASKS = ("Any", "LogicalAnd", "LogicalOr")
"""Operations by which Keras makes masks of masks; over the last axis, where over one."""


def fills(model: Any, keras_model: KerasModel, spec: ModelSpec) -> dict[str, float]:
    """What each free input is padded with, at its end; nothing if the model is not to be padded."""
    found = fills_by_layers(wiring_of(model), spec)
    return found if found and _is_indifferent(model, keras_model, spec, found) else {}


def fills_by_layers(wiring: Wiring, spec: ModelSpec) -> dict[str, float]:
    """What follows from the layers alone."""
    free = [tensor.shape[1:2] == (None,) for tensor in spec.inputs]
    if not any(free) or any(None in tensor.shape[2:] for tensor in spec.inputs):
        return {}
    kinds = [STEPS if each else CLEAN for each in free]
    known = dict(zip(map(id, wiring.inputs), kinds, strict=True))
    values: dict[int, float] = {}
    for call in wiring.calls:
        if any(id(tensor) in known for tensor in call.outputs):
            continue  # An input's own layer.
        after = _after(call, known, values, [id(tensor) for tensor in wiring.inputs])
        if not after:
            return {}
        known |= dict(zip(map(id, call.outputs), after, strict=True))
    names = dict(zip(map(id, wiring.inputs), input_names(wiring), strict=True))
    every = {key for key, kind in zip(names, kinds, strict=True) if kind == STEPS} == values.keys()
    clean = all(known[id(tensor)] == CLEAN for tensor in wiring.outputs)
    return {names[key]: value for key, value in values.items()} if every and clean else {}


def _after(
    call: Call, known: Mapping[int, str], values: dict[int, float], inputs: Sequence[int]
) -> Sequence[str]:
    """What a call's outputs are; nothing if they may depend on what was added."""
    mask = call.keywords.get("mask")
    reads = _tensors((call.arguments, {**call.keywords, "mask": None}))
    kinds = [known[id(tensor)] for tensor in reads]
    masked = keras.utils.is_keras_tensor(mask) and known[id(mask)] == MASK
    if all(kind == CLEAN for kind in kinds) and not masked:
        return [CLEAN] * len(call.outputs)
    if call.inner is not None or (mask is not None and not masked):
        return ()
    if type(call.operation).__name__ == "NotEqual":
        return [MASK] if _marks(call, reads, values, inputs) else ()
    if MASK in kinds:
        plain = set(kinds) == {MASK} and type(call.operation).__name__ in OF_MASKS
        return [MASK] if plain and _is_last(getattr(call.operation, "axis", -1)) else ()
    return _after_steps(call.operation, kinds, [CLEAN] * len(call.outputs), masked=masked)


def _marks(call: Call, reads: Sequence[Any], values: dict[int, float], inputs: Sequence[int]) -> bool:
    """Whether an operation says which steps of an input are padding, by the same value as others do."""
    if len(reads) != 1 or id(reads[0]) not in inputs or not isinstance(call.arguments[-1], int | float):
        return False
    value = float(call.arguments[-1])
    return values.setdefault(id(reads[0]), value) == value


def _after_steps(operation: Any, kinds: Sequence[str], outputs: list[str], *, masked: bool) -> Sequence[str]:
    kind = type(operation)
    if kind in BY_STEP or (kind in NORMALIZATIONS and _is_last(operation.axis)):
        return [STEPS] if len(kinds) == 1 else ()
    if kind in MERGES:
        return [STEPS] if set(kinds) == {STEPS} else ()
    if not masked or set(kinds[1:]) - {CLEAN}:
        return ()
    if kind is layers.GlobalAveragePooling1D and operation.data_format == "channels_last":
        return outputs
    if _is_recurrent(operation):
        return [STEPS, *outputs[1:]] if operation.return_sequences else outputs
    return ()


def _tensors(structure: Any) -> list[Any]:
    return [each for each in keras.tree.flatten(structure) if keras.utils.is_keras_tensor(each)]


def _is_recurrent(operation: Any) -> bool:
    if type(operation) is layers.Bidirectional:
        return all(type(each) in RECURRENT for each in (operation.forward_layer, operation.backward_layer))
    backwards = getattr(operation, "go_backwards", False) and getattr(operation, "return_sequences", False)
    return type(operation) in RECURRENT and not backwards


def _is_last(axis: Any) -> bool:
    """Of three axes: rows, steps and what is normalized over."""
    return list(np.atleast_1d(axis)) in ([-1], [2])


def _is_indifferent(model: Any, keras_model: KerasModel, spec: ModelSpec, found: Mapping[str, float]) -> bool:
    """Whether Keras answers the same, each input longer by some steps."""
    generator = np.random.default_rng(5)
    for length in LENGTHS:
        inputs = reference_inputs(model, spec, length, seed=length)
        longer = [
            lengthened(array, array.shape[1] + int(generator.integers(1, LONGER)), found[tensor.name])
            if tensor.name in found
            else array
            for tensor, array in zip(spec.inputs, inputs, strict=True)
        ]
        try:
            if worst_error(keras_model(inputs), keras_model(longer)) > TOLERANCE:
                return False
        except Exception:  # Lengths that belong together, or least ones.
            return False
    return True
