"""A TOML table as one of a recipe's classes. What is wrong is told with the path of its key."""

import dataclasses
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from horngate.contract.errors import RecipeError
from horngate.training.recipe.named import Keys, Named, dotted

_SAID = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false", Path: "a path",
    type(None): "nothing", tuple: "an array", Named: "a name, or a table with a name", dict: "a table",
}  # fmt: skip


def read_table(cls: type[Any], table: Any, keys: Keys = ()) -> Any:
    """`table` as an instance of the dataclass `cls`. RecipeError names the key."""
    if not isinstance(table, dict):
        raise RecipeError(f"{dotted(keys)} is {table!r}; expected a table", keys)
    hints = get_type_hints(cls)
    for key in table:
        if key not in hints:
            place = (*keys, key)
            raise RecipeError(f"{dotted(place)} is no key; expected one of {', '.join(hints)}", place)
    for field in dataclasses.fields(cls):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and field.name not in table:
            raise RecipeError(f"{dotted((*keys, field.name))} is missing", keys)
    values = {key: _value(hints[key], value, (*keys, key)) for key, value in table.items()}
    try:
        return cls(**values)
    except RecipeError as error:
        raise RecipeError(str(error), (*keys, _blamed(str(error), table))) from error


def _blamed(message: str, table: Mapping[str, Any]) -> str:
    """The key of the table that the message begins with."""
    first = message.split(" ", 1)[0].split(".")
    return next((word for word in reversed(first) if word in table), "")


def _value(hint: Any, value: Any, keys: Keys) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return _one_of(get_args(hint), value, keys)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise RecipeError(f"{dotted(keys)} is {value!r}; expected {_said(hint)}", keys)
        return value
    if get_origin(hint) is tuple:
        return _many(get_args(hint)[0], value, keys)
    if dataclasses.is_dataclass(hint) and hint is not Named:
        return read_table(hint, value, keys)  # type: ignore[arg-type]
    if get_origin(hint) in (Mapping, dict):
        return _mapping(get_args(hint)[1], value, keys)
    return _plain(hint, value, keys)


def _mapping(hint: Any, value: Any, keys: Keys) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecipeError(f"{dotted(keys)} is {value!r}; expected a table", keys)
    return {key: value[key] if hint is Any else _value(hint, value[key], (*keys, key)) for key in value}


def _one_of(hints: tuple[Any, ...], value: Any, keys: Keys) -> Any:
    for hint in hints:
        if _takes(hint, value):
            return _value(hint, value, keys)
    said = " or ".join(_said(hint) for hint in hints if get_origin(hint) is not Callable and _said(hint))
    raise RecipeError(f"{dotted(keys)} is {value!r}, {_kind(value)}; expected {said}", keys)


def _takes(hint: Any, value: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if dataclasses.is_dataclass(hint) and hint is not Named:
        return isinstance(value, dict)
    if hint is Named:
        return isinstance(value, str | dict)
    return (
        isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    )


def _many(hint: Any, value: Any, keys: Keys) -> tuple[Any, ...]:
    if isinstance(value, str):  # one name where several may stand
        value = [value]
    if not isinstance(value, list):
        raise RecipeError(f"{dotted(keys)} is {value!r}; expected an array", keys)
    return tuple(_value(hint, one, (*keys, place)) for place, one in enumerate(value))


def _plain(hint: Any, value: Any, keys: Keys) -> Any:
    if hint is Named:
        return _named(value, keys)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any or _takes(hint, value):
        return value
    raise RecipeError(f"{dotted(keys)} is {value!r}, {_kind(value)}; expected {_said(hint)}", keys)


def _named(value: Any, keys: Keys) -> Named:
    if isinstance(value, str):
        return Named(name=value)
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return Named(name=value["name"], settings={key: one for key, one in value.items() if key != "name"})
    raise RecipeError(f"{dotted(keys)} is {value!r}; expected {_SAID[Named]}", keys)


def _said(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(one) for one in get_args(hint))
    return _SAID.get(hint, "")


def _kind(value: Any) -> str:
    return _SAID.get(type(value), f"a {type(value).__name__}")
