"""`model.toml` read: what it says of one model, checked key by key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from horngate.contract.errors import LoadError
from horngate.contract.lines import Lines
from horngate.contract.names import meant
from horngate.server.endings import read_output, read_pop
from horngate.server.image_settings import KEYS as IMAGE_KEYS
from horngate.server.image_settings import ImageSettings
from horngate.server.placement import read_placement
from horngate.server.precision import KEYS as PRECISION_KEYS
from horngate.server.precision import Precision
from horngate.server.settings import FileSettings, ModelConfig, QueueSettings, SequenceSettings, seconds
from horngate.server.zoo_settings import with_options
from horngate.zoo.registry import OPTION_TYPES

KEYS: dict[str, type | tuple[type, ...]] = {
    "source": str,
    "weights": str,
    "engine": str,
    "versions": (str, list),
    "max_rows": int,
    "batching": str,
    "queue": dict,
    "sequence": dict,
    "instances": int,
    "custom_objects": list,
    "allow_code": bool,
    "load": str,
    "output": (str, list),
    "pop": (int, dict),
    "placement": dict,
    **OPTION_TYPES,
    "layers": list,
    **IMAGE_KEYS,
    "version_labels": dict,
    "default_version": int,
    **PRECISION_KEYS,
}
"""Every key, and what its value has to be."""

_FILE_KEYS = ("custom_objects", "allow_code", "load", "output", "pop")
_QUEUE_TYPES: dict[str, type | tuple[type, ...]] = {
    "max_delay": str,
    "rows": int,
    "bytes": int,
    "weight": (int, float),
}
_SEQUENCE_TYPES: dict[str, type | tuple[type, ...]] = {"idle": str, "most": int}

Settings = TypeVar("Settings", FileSettings, ImageSettings)


def read_model_config(path: Path) -> ModelConfig:
    """Read a `model.toml`. LoadError names the file, the line, the key, what it holds and what was expected."""
    try:
        text = path.read_text()
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LoadError(f"{path.name}: {error}") from error
    try:
        _check_types(table, KEYS)
        return ModelConfig(**_plain(with_options(table)))
    except LoadError as error:
        line = Lines(text).of(_blamed(str(error), table))
        raise LoadError(f"{path.name}, line {line}: {error}" if line else f"{path.name}: {error}") from error


def _blamed(message: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    """The key that a message is about: the first that it names, and within its table the next that it names."""
    words = [word.rstrip(":") for word in re.findall(r"[\w:]+", message)]
    key = min((key for key in table if key in words), key=words.index, default="")
    inner = table.get(key)
    if not isinstance(inner, dict):
        return (key,)
    return (key, min((name for name in inner if name in words), key=words.index, default=""))


def overridden(config: ModelConfig, table: Mapping[str, Any]) -> ModelConfig:
    """`config` with what a table of the same keys says instead. LoadError says which key is wrong, and how."""
    _check_types(table, KEYS)
    told = _plain(dict(table))
    told["file"] = _changed(config.file, told["file"], table)
    told["images"] = _changed(config.images, told["images"], table)
    if config.precision is not None and "precision" in told:
        told["precision"] = config.precision.named(told["precision"].name)
    return replace(config, **told)


def _changed(settings: Settings, told: Settings, table: Mapping[str, Any]) -> Settings:
    names = [each.name for each in fields(settings) if each.name in table]
    return replace(settings, **{name: getattr(told, name) for name in names})


def _check_types(table: Mapping[str, Any], types: Mapping[str, Any], place: str = "") -> None:
    for key, value in table.items():
        if key not in types:
            raise LoadError(f"{place}unknown key {key!r}; {meant(key, types)}")
        if not isinstance(value, types[key]) or (isinstance(value, bool) and types[key] is not bool):
            raise LoadError(f"{place}{key} is {value!r}, which is a {type(value).__name__}")


def _queue(table: dict[str, Any]) -> QueueSettings:
    _check_types(table, _QUEUE_TYPES, "queue: ")
    rest = {key: value for key, value in table.items() if key != "max_delay"}
    return QueueSettings(max_delay_s=_time("queue: max_delay", table.get("max_delay", "0s")), **rest)


def _sequence(table: dict[str, Any]) -> SequenceSettings:
    _check_types(table, _SEQUENCE_TYPES, "sequence: ")
    idle_s = _time("sequence: idle", table["idle"]) if "idle" in table else SequenceSettings.idle_s
    return SequenceSettings(idle_s=idle_s, most=table.get("most"))


def _time(place: str, text: str) -> float:
    try:
        return seconds(text)
    except LoadError as error:
        raise LoadError(f"{place}: {error}") from error


def _names(text: Any) -> tuple[str, ...]:
    """The outputs that one request asks for, as `layers` tells them."""
    names = tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else ()
    if not all(names) or not names:
        raise LoadError(
            f'layers holds {text!r}; expected outputs of a request, like "block_3" or "conv1, pool1"'
        )
    return names


def _version_labels(table: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    for label, version in table.items():
        if type(version) is not int or version < 1 or label.isdecimal():
            raise LoadError(
                f"version_labels has {label!r} = {version!r}; expected a word that means a version, like stable = 3"
            )
    return tuple(table.items())


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    file: dict[str, Any] = {key: value for key, value in table.items() if key in _FILE_KEYS}
    file["custom_objects"] = tuple(file.get("custom_objects", ()))
    file |= {"output": read_output(file.get("output", [])), "pop": read_pop(file.get("pop"))}
    images = ImageSettings.from_table(table)
    precision = Precision.from_table(table)
    read = (*_FILE_KEYS, *IMAGE_KEYS, *PRECISION_KEYS)
    table = {key: value for key, value in table.items() if key not in read}
    table |= {"file": FileSettings(**file), "images": images}
    if precision is not None:
        table |= {"precision": precision}
    if "queue" in table:
        table = table | {"queue": _queue(table["queue"])}
    if "sequence" in table:
        table = table | {"sequence": _sequence(table["sequence"])}
    if "placement" in table:
        table = table | {"placement": read_placement(table["placement"])}
    if "layers" in table:
        table = table | {"layers": tuple(map(_names, table["layers"]))}
    if "version_labels" in table:
        table = table | {"version_labels": _version_labels(table["version_labels"])}
    versions = table.get("versions")
    if not isinstance(versions, list):
        return table
    if not all(isinstance(version, int) and version > 0 for version in versions):
        raise LoadError(f"versions is {versions!r}; expected whole numbers above 0")
    return table | {"versions": tuple(versions)}
