"""Python code in a configuration: Lambda layers of every age."""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.bytecode import is_of_this_python, python_of
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.formula import Formula, formula_of
from horngate.zoo.safety.functions import is_pure
from horngate.zoo.safety.permission import Permission
from horngate.zoo.safety.places import Place

_SLOTS = ("function", "output_shape", "mask", "mode")
"""Where Lambda layers, and Keras 1's Merge, hold code: what they compute, their shape, their mask."""


def examine_code(place: Place, permission: Permission) -> Iterator[Finding]:
    """Marshalled code, and functions that a Lambda only names, in the object at a place."""
    value = place.value
    assert isinstance(value, dict)  # noqa: S101 (is_object was asked)
    if value.get("class_name") == "__lambda__":
        yield _code(place, place.key or "function", _text(value.get("config")), permission)
    elif isinstance(place.config, dict):
        for slot in _SLOTS:
            yield from _slot(place, slot, place.config, permission)


def formula_in(config: dict[str, Any]) -> Formula | None:
    """What a Lambda of Keras 1 or 2 computes, where its code is a formula of its input and nothing else.

    Such a layer is rebuilt from the formula; its code is not run.
    """
    held = config.get("function")
    others = (config.get("arguments"), *(held[1:] if isinstance(held, list) else ()))
    coded = any(_is_marshalled(config.get(slot)) for slot in ("output_shape", "mask"))
    if not _is_marshalled(held) or any(others) or coded or config.get("output_shape_type") == "lambda":
        return None
    return formula_of(_text(held))


def _slot(place: Place, slot: str, config: dict[str, Any], permission: Permission) -> Iterator[Finding]:
    held, kind = config.get(slot), config.get(f"{slot}_type")
    if slot == "function" and place.class_name == "Lambda" and formula_in(config) is not None:
        yield _formula(place)
    elif kind == "lambda" or _is_marshalled(held):
        yield _code(place, slot, _text(held), permission)
    elif isinstance(held, str) and (
        kind == "function" or (slot == "function" and place.class_name == "Lambda")
    ):
        if not is_pure(held, None) and not permission.names(held):
            yield Finding(
                danger=Danger.NAME,
                where=place.where,
                what=f"names the function '{held}' as its {slot}, which neither the file nor Keras has",
                remedy=f'if it is yours, name it in model.toml: custom_objects = ["your_module:{held}"]',
                unknown=held,
            )


def _formula(place: Place) -> Finding:
    return Finding(
        danger=Danger.CODE,
        where=place.where,
        what="holds Python code that is a formula of its input",
        remedy="the formula is computed, the code is not run",
        refused=False,
    )


def _is_marshalled(held: Any) -> bool:
    """Keras 1 and 2 wrote `[code, defaults, closure]`, the code as text in base 64 or, before, raw."""
    return isinstance(held, list) and len(held) == 3 and isinstance(held[0], str) and len(held[0]) > 20


def _text(held: Any) -> str:
    if isinstance(held, dict):
        held = held.get("code") or held.get("value")
    if isinstance(held, list) and held:
        held = held[0]
    return held if isinstance(held, str) else ""


def _code(place: Place, slot: str, text: str, permission: Permission) -> Finding:
    writer = python_of(text)
    foreign = not is_of_this_python(text)
    if permission.allow_code and not foreign:
        remedy = "it runs, as the operator allowed this model"
    elif permission.allow_code:
        remedy = "this Python cannot run that: rebuild the layer as a custom object and save the model again"
    else:
        remedy = "allow_code = true in model.toml lets this model's code run, if you trust who wrote it"
        if foreign:
            remedy = (
                "this Python could not even run it: replace the Lambda by a layer and save the model again"
            )
    return Finding(
        danger=Danger.CODE,
        where=place.where,
        what=f"holds Python code as its {slot}, in the bytecode of {writer}",
        remedy=remedy,
        refused=foreign or not permission.allow_code,
    )
