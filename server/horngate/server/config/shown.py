"""Settings as a TOML file again, each with where its value came from."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from horngate.server.config.declared import GROUPS
from horngate.server.config.file import Found
from horngate.server.config.flags import default_text
from horngate.server.config.setting import Setting

_COLUMN = 44


def as_toml(found: Mapping[str, Found]) -> str:
    """A file that sets the same. What is not set stands in it as a comment."""
    return "\n".join(_lines(found)).lstrip("\n")


def as_json(found: Mapping[str, Found]) -> str:
    """An object by key: `value`, null where nothing is set, and `from`."""
    table = {key: {"value": _plain(one), "from": one.origin} for key, one in found.items()}
    return json.dumps(table, indent=2, ensure_ascii=False)


def _lines(found: Mapping[str, Found]) -> Iterator[str]:
    for group in GROUPS:
        yield f"\n# {group.title}"
        for setting in group.settings:
            yield _line(setting, found[setting.key])


def _line(setting: Setting, found: Found) -> str:
    plain = _plain(found)
    if plain is None:
        without = default_text(setting)
        return f"{f'# {setting.key} =':{_COLUMN}} # not set{': ' + without if without else ''}"
    return f"{f'{setting.key} = {_toml(plain)}':{_COLUMN}} # {found.origin}"


def _plain(found: Found) -> Any:
    """The value for a file, numbers as they were written: with their unit, or what they count without one."""
    value = found.value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return int(found.written) if str(found.written).isdecimal() else found.written
    return (list(value) if isinstance(value, tuple) else str(value)) or None


def _toml(plain: Any) -> str:
    # JSON's texts, numbers, truths and arrays of texts are TOML's.
    return json.dumps(plain, ensure_ascii=False)
