"""Things by name, with settings that their constructor takes: `Adam`, `EarlyStopping`, `mypkg.layers:Blur`."""

import difflib
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from horngate.contract.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Named:
    """A name, of Keras's or `module:Name`, and keyword arguments. In TOML a string or a table with `name`."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


Keys = tuple[str | int, ...]
"""Where in a recipe a thing is named."""


def dotted(keys: Keys) -> str:
    """The keys as they are written, without the numbers of arrays' tables."""
    return ".".join(str(key) for key in keys if not isinstance(key, int)) or "the recipe"


def imported(reference: str, *keys: str | int) -> Any:
    """What `module:name` names. RecipeError says which part is not there."""
    key = dotted(keys)
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise RecipeError(f'{key} names "{reference}", but {error}', keys) from error
    except AttributeError as error:
        raise RecipeError(
            f'{key} names "{reference}", but module {module!r} has no {name!r}', keys
        ) from error


def chosen(named: Named, offered: Mapping[str, Any], *keys: str | int) -> Any:
    """The class or function of that name. Underscores and case do not count: `adam`, `early_stopping`."""
    if ":" in named.name:
        return imported(named.name, *keys)
    plain = {_plain(name): found for name, found in offered.items()}
    if _plain(named.name) in plain:
        return plain[_plain(named.name)]
    near = difflib.get_close_matches(named.name, offered, n=3, cutoff=0.4)
    hint = f"near matches: {', '.join(near)}" if near else f"expected one of {', '.join(sorted(offered))}"
    raise RecipeError(
        f'{dotted(keys)} names "{named.name}", which there is not; {hint}, or "module:Name"', keys
    )


def check_settings(named: Named, made: Any, *keys: str | int) -> None:
    """Whether `made` takes these settings, by name and by the kind of its default. RecipeError if not."""
    parameters = inspect.signature(made).parameters
    free = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for name, value in named.settings.items():
        if name not in parameters:
            if free:
                continue
            known = ", ".join(one for one in parameters if one != "self")
            raise RecipeError(
                f"{dotted((*keys, name))} is no setting of {named.name}; expected one of {known}",
                (*keys, name),
            )
        default = parameters[name].default
        if not _fits(value, default):
            raise RecipeError(
                f"{dotted((*keys, name))} is {value!r}, {_kind(value)}; {named.name} expects "
                f"{_kind(default)}, like {default!r}",
                (*keys, name),
            )
    for name, one in parameters.items():
        needed = one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        if needed and name not in named.settings and name != "self":
            raise RecipeError(f"{dotted(keys)} has no {name}, which {named.name} needs", keys)


def make(named: Named, offered: Mapping[str, Any], *keys: str | int) -> Any:
    """An instance. What the constructor itself refuses is a RecipeError, too."""
    made = chosen(named, offered, *keys)
    check_settings(named, made, *keys)
    try:
        return made(**named.settings)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"{dotted(keys)}: {named.name} refuses its settings: {error}", keys) from error


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _fits(value: Any, default: Any) -> bool:
    if default is None or default is inspect.Parameter.empty:
        return True
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int | float):
        # Python's callers give schedules and pairs where a number is the default.
        return not isinstance(value, bool | str)
    return not isinstance(default, str) or not isinstance(value, bool | int | float)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    kinds: dict[type, str] = {int: "a number", float: "a number", str: "a string", list: "an array"}
    return kinds.get(type(value), f"a {type(value).__name__}")
