"""A TOML file of settings. All that is wrong in it is told at once, each by its line and key."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.contract.lines import Lines
from horngate.contract.names import meant
from horngate.server.config.declared import SETTINGS


@dataclass(frozen=True, kw_only=True)
class Found:
    """A setting's value, how it was written, and where."""

    value: Any
    written: Any
    origin: str


@dataclass(frozen=True, kw_only=True)
class FileRead:
    """What a file sets, by key, and what is wrong in it, a line of text each."""

    found: Mapping[str, Found] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def read_file(path: Path) -> FileRead:
    """Read a file. Relative paths in it are taken from its folder."""
    try:
        text = path.read_text()
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return FileRead(faults=(f"{path}: {_told(error)}",))
    lines = Lines(text)
    found, faults = {}, []
    for key, written in table.items():
        origin = f"{path}, line {lines.of((key,))}"
        try:
            found[key] = _found(key, written, path.parent, origin)
        except LoadError as error:
            faults.append(f"{origin}: {error}")
    return FileRead(found=found, faults=tuple(faults))


def _found(key: str, written: Any, folder: Path, origin: str) -> Found:
    if key not in SETTINGS:
        raise LoadError(f"unknown key {key!r}; {meant(key, SETTINGS)}")
    setting = SETTINGS[key]
    value = setting.kind.beside(setting.value(written), folder.absolute())
    return Found(value=value, written=written, origin=origin)


def _told(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
