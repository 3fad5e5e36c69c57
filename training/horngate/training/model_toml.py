"""The `model.toml` beside a model's versions, changed key by key."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "model.toml"


def read_settings(folder: Path) -> dict[str, Any]:
    """The keys that are set there; none where there is no file."""
    path = folder / FILE
    return tomllib.loads(path.read_text()) if path.exists() else {}


def change_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Set these keys, in one step; what else is set stays. Nothing is written where nothing changes."""
    present = read_settings(folder)
    if any(key not in present or present[key] != value for key, value in settings.items()):
        write_settings(folder, {**present, **settings})


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the file anew, in one step; with no keys there is none."""
    path = folder / FILE
    if not settings:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".unfinished-{FILE}"
    unfinished.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in settings.items()))
    unfinished.replace(path)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike
