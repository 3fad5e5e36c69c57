"""An optimizer's stored state, put where today's optimizer keeps it.

Old Kerases wrote `[steps], first kind of every weight, second kind of every weight, …`; from 2.11 on it is
`steps, both kinds of the first weight, both kinds of the second, …`, and what is optional after that.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.rebuild.slots import Slot, layers_in_order, slots
from horngate.zoo.files.rebuild.stored_forms import stored_count, todays
from horngate.zoo.files.stored import Array, StoredArray

_KINDS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentums",),
    "RMSprop": ("_velocities", "_momentums", "_average_gradients"),
    "OldRMSprop": ("_velocities", "_momentums", "_average_gradients"),
    "Adam": ("_momentums", "_velocities", "_velocity_hats"),
    "AdamW": ("_momentums", "_velocities", "_velocity_hats"),
    "Adagrad": ("_accumulators",),
    "OldAdagrad": ("_accumulators",),
    "Adadelta": ("_accumulated_grads", "_accumulated_delta_vars"),
    "Adamax": ("_m", "_u"),
    "Nadam": ("_momentums", "_velocities"),
    "OldNadam": ("_momentums", "_velocities"),
    "Ftrl": ("_accumulators", "_linears"),
    "Lion": ("_momentums",),
    "Adafactor": (),
}
"""Where today's optimizers keep each kind of their state, in the order in which it was stored."""

_TOGETHER = {"Adam": 2, "AdamW": 2, "Adadelta": 2, "Adamax": 2, "Nadam": 2, "Ftrl": 2}
"""How many kinds of state, from the first, are stored weight by weight since 2.11 (Ftrl's: ever since)."""


def restore(model: Any, stored: Sequence[StoredArray], origin: Origin, *, interleaved: bool) -> None:
    """Put the state into the compiled model's optimizer. LoadError: it is not this optimizer's."""
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    arrays = [array.read() for array in stored]
    if origin.generation == 3:
        _restore_todays(optimizer, arrays)
        return
    scalars, arrays = _scalars(arrays)
    trained = [slot for layer in layers_in_order(model) for slot in slots(layer) if slot.is_trained]
    name = type(optimizer).__name__
    together = _TOGETHER.get(name, 1) if interleaved or name == "Ftrl" else 1
    kinds = [kind for kind in _KINDS.get(name, ()) if getattr(optimizer, kind, None)]
    for kind, values in zip(kinds, _by_kind(arrays, trained, len(kinds), origin, together), strict=False):
        for variable, value in values:
            place = getattr(optimizer, kind)[optimizer._get_variable_index(variable)]
            if tuple(place.shape) != tuple(value.shape):
                raise LoadError(
                    f"the optimizer's state for '{variable.path}' has shape {tuple(value.shape)} in the file; "
                    f"expected {tuple(place.shape)}"
                )
            place.assign(value)
    if scalars:
        optimizer.iterations.assign(int(scalars[0]))
    _momentum_product(optimizer, scalars)


def _restore_todays(optimizer: Any, arrays: list[Array]) -> None:
    """Keras 3 stores the optimizer's variables in their own order."""
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    if shapes != [array.shape for array in arrays]:
        raise LoadError(
            f"the optimizer's state has {len(arrays)} arrays in the file; {type(optimizer).__name__} has "
            f"{len(shapes)}, of other shapes"
        )
    for variable, array in zip(optimizer.variables, arrays, strict=True):
        variable.assign(array)


def _scalars(arrays: list[Array]) -> tuple[list[Any], list[Array]]:
    """The numbers in front: the steps, and what else is one for all weights."""
    count = 0
    while count < len(arrays) and arrays[count].shape == () and count < 2:
        count += 1
    return [array.item() for array in arrays[:count]], arrays[count:]


def _by_kind(
    arrays: list[Array], trained: list[Slot], kinds: int, origin: Origin, together: int
) -> list[list[tuple[Any, Array]]]:
    """For each kind of state, every weight with its array."""
    if not kinds:
        return []
    if together > 1:
        count = len(arrays) // kinds * together
        arrays = [array for kind in range(together) for array in arrays[kind:count:together]] + arrays[count:]
    found = []
    for _ in range(kinds):
        pairs: list[tuple[Any, Array]] = []
        for slot in trained:
            count = stored_count(slot, [array.shape for array in arrays])
            values, arrays = todays(slot, arrays[:count], origin), arrays[count:]
            if len(values) != len(slot.variables):
                raise LoadError("the optimizer's state has fewer arrays than the model has trained weights")
            pairs.extend(zip(slot.variables, values, strict=True))
        found.append(pairs)
    return found


def _momentum_product(optimizer: Any, scalars: list[Any]) -> None:
    """Nadam's product of all momenta so far: stored by some, to be computed from the steps for others."""
    product = getattr(optimizer, "_u_product", None)
    if product is None or not scalars:
        return
    steps = np.arange(1, int(scalars[0]) + 1)
    if hasattr(optimizer, "momentum_at"):
        momenta = [optimizer.momentum_at(float(step)) for step in steps]
    else:
        momenta = [optimizer.beta_1 * (1.0 - 0.5 * 0.96**step) for step in steps]
    product.assign(scalars[1] if len(scalars) > 1 else float(np.prod(momenta)))
