"""Plans for weights in the layout of Keras 1 and 2: a group a layer, arrays in order."""

from typing import Any

from horngate.zoo.files.origin import Origin
from horngate.zoo.files.rebuild.plan import Misfit, Plan
from horngate.zoo.files.rebuild.slots import layers_in_order, slots
from horngate.zoo.files.rebuild.stored_forms import stored_count, todays
from horngate.zoo.files.stored import LayerGroup
from horngate.zoo.files.upgrade.calls import plain_name


def plan_group(layer: Any, group: LayerGroup, origin: Origin) -> Plan:
    """All of a group's arrays for all of a layer's weights. Misfit if they are not each other's."""
    plan, left = Plan(), list(group.arrays)
    wanted = slots(layer)
    for slot in wanted:
        count = stored_count(slot, [array.shape for array in left])
        if len(left) < count:
            raise Misfit(
                f"layer '{layer.name}' has {len(group.arrays)} weights in the file; expected "
                f"{sum(len(one.variables) for one in wanted)}"
            )
        arrays, left = left[:count], left[count:]
        values = todays(slot, [array.read() for array in arrays], origin)
        if len(values) != len(slot.variables):
            raise Misfit(
                f"layer '{slot.layer.name}' has {len(values)} weights in the file; expected {len(slot.variables)}"
            )
        for variable, value in zip(slot.variables, values, strict=True):
            plan.add(slot.layer.name, variable, value)
    if left:
        raise Misfit(
            f"layer '{layer.name}' has {len(group.arrays)} weights in the file; expected "
            f"{len(group.arrays) - len(left)}"
        )
    return plan


def pairs_in_order(model: Any, groups: tuple[LayerGroup, ...]) -> list[tuple[Any, LayerGroup]]:
    """Which group is which layer's: by name where the names are the same, else one after the other.

    Keras 1 stored the layers of models inside Sequential models as if they were the outer model's.
    """
    groups = tuple(group for group in groups if group.arrays)
    layers = [layer for layer in layers_in_order(model) if slots(layer)]
    flat = _flat(layers)
    for candidates in (layers, flat):
        by_name = {layer.name: layer for layer in candidates}
        if len(by_name) == len(candidates) == len(groups) and all(
            plain_name(group.name) in by_name for group in groups
        ):
            return [(by_name[plain_name(group.name)], group) for group in groups]
    for candidates in (layers, flat):
        if len(candidates) == len(groups):
            return list(zip(candidates, groups, strict=True))
    raise Misfit(
        f"the file has weights for {len(groups)} layers ({_some([group.name for group in groups])}); the "
        f"architecture has {len(layers)} layers with weights ({_some([layer.name for layer in layers])})"
    )


def pairs_by_name(model: Any, groups: tuple[LayerGroup, ...]) -> dict[str, LayerGroup]:
    """The groups by the names of their layers."""
    return {plain_name(group.name): group for group in groups if group.arrays}


def _flat(layers: list[Any]) -> list[Any]:
    import keras

    flat: list[Any] = []
    for layer in layers:
        inner = (
            [one for one in layers_in_order(layer) if slots(one)] if isinstance(layer, keras.Model) else None
        )
        flat.extend([layer] if inner is None else _flat(inner))
    return flat


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
