"""A package's public names, from their signatures and docstrings."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

_WIDE = 92


def page(package: str, title: str) -> str:
    """The package's own docstring, and each name of `__all__`: classes, functions, errors, other names."""
    module = import_module(package)
    named = {name: getattr(module, name) for name in module.__all__}
    lines = [f"# {title}", "", f"`{package}`", "", inspect.cleandoc(module.__doc__ or ""), ""]
    for heading, chosen in _sorted(named).items():
        if chosen:
            lines += [f"## {heading}", ""]
            lines += [line for name, found in chosen.items() for line in _entry(name, found)]
    return "\n".join(lines)


def _sorted(named: dict[str, Any]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {"Functions": {}, "Classes": {}, "Errors": {}, "Other names": {}}
    for name, found in named.items():
        kinds[_kind(found)][name] = found
    return kinds


def _kind(found: Any) -> str:
    if inspect.isclass(found):
        return "Errors" if issubclass(found, BaseException) else "Classes"
    return "Functions" if callable(found) and inspect.isroutine(found) else "Other names"


def _entry(name: str, found: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if _kind(found) == "Other names":
        yield f"```python\n{name} = {_plain(str(found))}\n```\n"
        return
    yield from _told(name, found)
    if inspect.isclass(found) and not issubclass(found, BaseException):
        for member, value in _public(found):
            yield f"#### {name}.{member}\n"
            yield from _told(f"{name}.{member}", value)


def _told(name: str, found: Any) -> Iterator[str]:
    if not (inspect.isclass(found) and issubclass(found, BaseException)):
        yield f"```python\n{_signature(name, found)}\n```\n"
    told = inspect.getdoc(found)
    if told and not (dataclasses.is_dataclass(found) and told.startswith(f"{name.split('.')[-1]}(")):
        yield f"{told}\n"


def _public(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Methods and properties of its own, with a docstring."""
    for member, value in inspect.getmembers(cls):
        inherited = not any(
            member in vars(base) for base in cls.__mro__ if base.__module__.startswith("horngate")
        )
        if member.startswith("_") or inherited or not inspect.getdoc(value):
            continue
        if inspect.isroutine(value) or isinstance(value, property):
            yield member, value


def _signature(name: str, found: Any) -> str:
    if isinstance(found, property):
        returned = inspect.signature(found.fget).return_annotation if found.fget else inspect.Signature.empty
        return name if returned is inspect.Signature.empty else f"{name}: {_plain(_annotation(returned))}"
    start = "async " if inspect.iscoroutinefunction(found) else ""
    signature = inspect.signature(found)
    if inspect.isclass(found):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    parameters = [one for one in signature.parameters.values() if one.name != "self"]
    text = _plain(f"{start}{name}{signature.replace(parameters=parameters)}")
    return text if len(text) <= _WIDE else _folded(start + name, signature.replace(parameters=parameters))


def _folded(name: str, signature: inspect.Signature) -> str:
    """One parameter a line."""
    lines, starred = [f"{name}("], False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not starred:
            lines.append("    *,")
            starred = True
        lines.append(f"    {_plain(str(one))},")
    returned = signature.return_annotation
    tail = "" if returned is inspect.Signature.empty else f" -> {_plain(_annotation(returned))}"
    return "\n".join([*lines, f"){tail}"])


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _plain(text: str) -> str:
    """Without the modules in front of names, and without the addresses of functions."""
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", text)
    text = re.sub(r"<(?:function|built-in \w+) [^>]*>+", "…", text)
    return text.replace("<factory>", "…")
