"""keras.json and KERAS_HOME, as Keras finds them. Keras is not imported."""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from horngate.cli.doctor.finding import Finding, State
from horngate.zoo.weights.cache import keras_home

AREA = "Keras"
BACKENDS = ("tensorflow", "jax", "torch")
_VALUES: dict[str, tuple[Any, ...]] = {
    "image_data_format": ("channels_last", "channels_first"),
    "floatx": ("float16", "float32", "float64", "bfloat16"),
    "backend": (*BACKENDS, "openvino", "numpy"),
}


def keras_findings() -> Iterator[Finding]:
    """Where Keras's folder is, what keras.json says, and which backend that makes."""
    home = keras_home()
    yield _folder(home)
    path = home / "keras.json"
    table, fault = _read(path)
    if fault:
        yield Finding(
            area=AREA,
            name="keras.json",
            found=f"{path}: {fault}",
            state=State.FAULT,
            remedy=f"mend or remove {path}; Keras writes a new one",
        )
    elif not path.exists():
        yield Finding(area=AREA, name="keras.json", found=f"{path} is not there; Keras's defaults apply")
    else:
        yield _settings(path, table)
    yield _data_format(table)
    yield _backend(table)


def _folder(home: Path) -> Finding:
    chosen = " (KERAS_HOME)" if "KERAS_HOME" in os.environ else ""
    if "KERAS_HOME" not in os.environ and not os.access(Path("~").expanduser(), os.W_OK):
        return Finding(
            area=AREA,
            name="folder",
            found=f"{home}, since the home folder cannot be written",
            state=State.WARNING,
            remedy="set KERAS_HOME to a folder that outlives this machine, or weights are fetched again",
        )
    return Finding(area=AREA, name="folder", found=f"{home}{chosen}")


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """What the file says, and why it cannot be read."""
    try:
        table = json.loads(path.read_text())
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        return {}, str(error)
    return (table, "") if isinstance(table, dict) else ({}, "holds no object")


def _settings(path: Path, table: dict[str, Any]) -> Finding:
    told = ", ".join(f"{key} {value}" for key, value in table.items())
    wrong = [key for key, values in _VALUES.items() if key in table and table[key] not in values]
    if not wrong:
        return Finding(area=AREA, name="keras.json", found=f"{path}: {told}")
    key = wrong[0]
    return Finding(
        area=AREA,
        name="keras.json",
        found=f"{path}: {key} is {table[key]!r}",
        state=State.FAULT,
        remedy=f"set {key} to one of {', '.join(_VALUES[key])}",
    )


def _data_format(table: dict[str, Any]) -> Finding:
    chosen = table.get("image_data_format", "channels_last")
    return Finding(
        area=AREA,
        name="image data format",
        found=f"{chosen}; served files carry their own, so this is for networks that are made anew",
    )


def _backend(table: dict[str, Any]) -> Finding:
    """Which backend Keras is going to run on; `horngate.zoo.backend` chooses as told here."""
    variable = os.environ.get("KERAS_BACKEND", "")
    wanted = variable or table.get("backend", "") or BACKENDS[0]
    why = "KERAS_BACKEND" if variable else "keras.json" if table.get("backend") else "Keras's default"
    if _is_there(wanted):
        return Finding(area=AREA, name="backend", found=f"{wanted} ({why})")
    others = [name for name in BACKENDS if _is_there(name)]
    remedy = f"set KERAS_BACKEND={others[0]}" if others else "pip install 'horngate[server]'"
    return Finding(
        area=AREA,
        name="backend",
        found=f"{wanted} ({why}), which is not installed",
        state=State.FAULT if variable or not others else State.WARNING,
        remedy=remedy,
    )


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
