"""Stored weights put into a model: in the file's order, or by the layers' names.

Everything is compared before anything is changed, so a layer gets all of its weights or none.
"""

from collections.abc import Callable
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.rebuild.grouped import pairs_by_name, pairs_in_order, plan_group
from horngate.zoo.files.rebuild.nested import named_nodes, plan_node
from horngate.zoo.files.rebuild.plan import Misfit, Plan
from horngate.zoo.files.rebuild.report import Placed, WeightsReport
from horngate.zoo.files.rebuild.slots import layers_in_order
from horngate.zoo.files.stored import Node, Weights


def place_in_order(model: Any, weights: Weights, origin: Origin) -> WeightsReport:
    """Put all weights into all layers, by topology. Misfit names a layer that the file does not fit."""
    if isinstance(weights, Node):
        plans = [plan_node(model, weights)]
    else:
        plans = [plan_group(layer, group, origin) for layer, group in pairs_in_order(model, weights)]
    for plan in plans:
        plan.carry_out()
    _finish(model)
    names = (layer.name for layer in layers_in_order(model) if layer.weights)
    return WeightsReport(layers=tuple(Placed(layer=name, matched=True) for name in names))


def place_by_name(model: Any, weights: Weights, origin: Origin) -> WeightsReport:
    """Put into each layer the weights of the file's layer of that name, if it has one and all of it fits.

    LoadError: not one layer matched. The report tells of every layer.
    """
    planned, unused = _planned_by_name(model, weights, origin)
    placed = []
    for name, plan in planned.items():
        if isinstance(plan, Plan):
            plan.carry_out()
        placed.append(
            Placed(layer=name, matched=isinstance(plan, Plan), why="" if isinstance(plan, Plan) else plan)
        )
    _finish(model)
    if not any(one.matched for one in placed):
        have = ", ".join(sorted(unused)[:6]) or "none"
        raise LoadError(
            f"no layer of the architecture has weights of its name in the file; the file has weights for {have}"
        )
    return WeightsReport(layers=tuple(placed), unused=tuple(unused))


def _finish(model: Any) -> None:
    """Some layers compute from their weights beforehand."""
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _planned_by_name(
    model: Any, weights: Weights, origin: Origin
) -> tuple[dict[str, Plan | str], tuple[str, ...]]:
    """By layer: its plan, or why it has none. And the file's layers that the model has not."""
    stored: dict[str, Callable[[Any], Plan]] = {}
    if isinstance(weights, Node):
        for name, node in named_nodes(weights).items():
            stored[name] = lambda one, node=node: plan_node(one, node)  # type: ignore[misc]
    else:
        for name, group in pairs_by_name(model, weights).items():
            stored[name] = lambda one, group=group: plan_group(one, group, origin)  # type: ignore[misc]
    planned: dict[str, Plan | str] = {}
    for layer in layers_in_order(model):
        if not layer.weights:
            continue
        if layer.name not in stored:
            planned[layer.name] = "the file has no layer of that name with weights"
            continue
        try:
            planned[layer.name] = stored[layer.name](layer)
        except Misfit as reason:
            planned[layer.name] = str(reason)
    return planned, tuple(name for name in stored if name not in planned)
