"""Plans for weights in the layout of Keras 3, and of 2.12 to 2.15: an object's arrays, and what is inside of it.

A model's layers lie under `layers`, named after their classes and counted; other objects under the names of
the attributes that hold them.
"""

from typing import Any

import keras

from horngate.contract.errors import LoadError
from horngate.zoo.files.names import counted_names
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.rebuild.plan import Misfit, Plan
from horngate.zoo.files.rebuild.slots import Slot, layers_in_order
from horngate.zoo.files.rebuild.stored_forms import todays
from horngate.zoo.files.stored import Node

_TODAY = Origin(version="3", backend="tensorflow", generation=3)
"""This layout came after the forms that only Keras 1 or Theano wrote."""


def plan_node(layer: Any, node: Node) -> Plan:
    """All stored arrays for all of a layer's weights. Misfit if they are not each other's."""
    plan = Plan()
    _visit(layer, node, plan, set())
    _share(layer, plan)
    placed = {id(variable) for variable, _ in plan.steps}
    missing = [weight for weight in layer.weights if id(weight) not in placed]
    if missing:
        names = ", ".join(weight.path for weight in missing[:4])
        raise Misfit(f"layer '{layer.name}' has no weights in the file for {names}")
    return plan


def _visit(layer: Any, node: Node, plan: Plan, seen: set[int]) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    variables = layer._trainable_variables + layer._non_trainable_variables
    arrays = node.arrays
    if len(arrays) < len(variables):
        raise Misfit(f"layer '{layer.name}' has {len(arrays)} weights in the file; expected {len(variables)}")
    values = [array.read() for array in arrays[: len(variables)]]
    if variables:
        values = todays(Slot(layer=layer, variables=tuple(variables), is_trained=True), values, _TODAY)
    for variable, value in zip(variables, values, strict=True):
        plan.add(layer.name, variable, value)
    if isinstance(layer, keras.Model):
        for inner, stored in node_pairs(layer, node):
            _visit(inner, stored, plan, seen)
        return
    for name, stored in node.inside.items():
        held = getattr(layer, name, None)
        if isinstance(held, keras.layers.Layer):
            _visit(held, stored, plan, seen)
        elif isinstance(held, list | tuple) and all(isinstance(one, keras.layers.Layer) for one in held):
            for one, key in zip(held, counted_names(_classes(held)), strict=True):
                if key in stored.inside:
                    _visit(one, stored.inside[key], plan, seen)


def _share(model: Any, plan: Plan) -> None:
    """A layer that two models of the file share is stored once; its twin has the same name and class."""
    if not isinstance(model, keras.Model):
        return
    placed = {id(variable): value for variable, value in plan.steps}
    twins: dict[tuple[str, str], Any] = {}
    lacking = []
    for layer in model._flatten_layers():
        own = layer._trainable_variables + layer._non_trainable_variables
        if own and all(id(variable) in placed for variable in own):
            twins[layer.name, type(layer).__name__] = own
        elif own:
            lacking.append((layer, own))
    for layer, own in lacking:
        for variable, twin in zip(own, twins.get((layer.name, type(layer).__name__), ()), strict=False):
            plan.add(layer.name, variable, placed[id(twin)])


def node_pairs(model: Any, node: Node) -> list[tuple[Any, Node]]:
    """A model's layers with what is stored for each, if anything is."""
    stored = node.inside.get("layers", Node()).inside
    stored = {key.removeprefix("layers/"): one for key, one in (stored or _flat(node)).items()}
    layers = [layer for layer in layers_in_order(model) if not isinstance(layer, keras.layers.InputLayer)]
    return [
        (layer, stored[key])
        for layer, key in zip(layers, counted_names(_classes(layers)), strict=True)
        if key in stored
    ]


def named_nodes(node: Node) -> dict[str, Node]:
    """What is stored for a model's layers, by the layers' names. LoadError: the file does not note them."""
    stored = node.inside.get("layers", Node()).inside or _flat(node)
    named = {one.name: one for one in stored.values() if one.name and any(one.every_array())}
    if not named:
        raise LoadError(
            "the file does not note its layers' names, so its weights can be loaded by topology alone; leave out "
            'load = "by_name"'
        )
    return named


def _flat(node: Node) -> dict[str, Node]:
    """Keras 2.12 joined the container's name and the layer's by a backslash, which is a slash here."""
    return {key: one for key, one in node.inside.items() if key.startswith("layers/")}


def _classes(layers: Any) -> list[str]:
    return [type(layer).__name__ for layer in layers]
