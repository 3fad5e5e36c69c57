"""Masks, followed as Keras follows them (`keras.Layer.__call__`, steps 6 and 7)."""

import inspect
from dataclasses import replace
from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, mask_rule


def with_mask_arguments(layer: Any, arguments: Any, keywords: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Fill in the mask arguments that Keras fills in. Also returns the mask of the first argument."""
    bound = inspect.signature(layer.call).bind(*arguments, **keywords)
    bound.apply_defaults()
    tensors = {name: value for name, value in bound.arguments.items() if _is_tensors(value)}
    keywords = dict(keywords)
    if len(tensors) == 1:
        if "mask" in bound.arguments and bound.arguments["mask"] is None:
            keywords["mask"] = _masks_of(next(iter(tensors.values())))
    else:
        for name, value in tensors.items():
            wanted = f"{name}_mask"
            if wanted in bound.arguments and bound.arguments[wanted] is None:
                keywords[wanted] = _masks_of(value)
    mask = keywords.get("mask")
    if mask is None:
        mask = _masks_of(next(iter(bound.arguments.values())))
    return keywords, mask


def inherited_mask(graph: Graph, layer: Any, arguments: Any, outputs: list[Value], mask: Any) -> list[Value]:
    """The outputs with the masks that Keras would set on them."""
    outputs = _with_own_masks(arguments, outputs)
    if not layer.supports_masking:
        return outputs
    rule = mask_rule(layer)
    if rule is not None:
        given = rule(graph, layer, arguments[0] if arguments else None, mask)
    elif type(layer).compute_mask is not keras.Layer.compute_mask:
        given = _traced_mask(graph, layer, arguments, mask)
    else:
        given = mask
    flat = list(given) if isinstance(given, list | tuple) else [given]
    flat += [None] * (len(outputs) - len(flat))
    return [replace(value, mask=value.mask or one) for value, one in zip(outputs, flat, strict=False)]


def _with_own_masks(arguments: Any, outputs: list[Value]) -> list[Value]:
    """What a layer hands on as it is keeps the mask that hangs on it; what it made has none yet."""
    given = [leaf for leaf in keras.tree.flatten(arguments) if isinstance(leaf, Value)]
    masks = {value.name: value.mask for value in given}
    return [replace(value, mask=masks.get(value.name)) for value in outputs]


def _traced_mask(graph: Graph, layer: Any, arguments: Any, mask: Any) -> Any:
    """What a `compute_mask` of user code computes."""
    from horngate.zoo.convert.tracing import traced  # which itself follows masks

    if not arguments:
        raise Refused("its compute_mask has no converter; register one with @masks")
    return traced(graph, layer.compute_mask, arguments[0], mask)


def _is_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        flat = keras.tree.flatten(value)
        return bool(flat) and all(isinstance(leaf, Value) for leaf in flat)
    return isinstance(value, Value)


def _masks_of(value: Any) -> Any:
    masks = keras.tree.map_structure(lambda leaf: getattr(leaf, "mask", None), value)
    return None if all(mask is None for mask in keras.tree.flatten(masks)) else masks
