"""From a trained file to the next version of a served model."""

import errno
import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from horngate.training.atomic import new_folder

SUFFIXES = (".h5", ".hdf5", ".keras")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def publish(
    model_path: Path, repository: Path, name: str, *, settings: Mapping[str, Any] | None = None
) -> Path:
    """Copy the file into `repository` as `name`'s next version; the new file's path.

    The version's folder (`name/4/model.h5` after `name/3`) appears in one step, so that a server that watches
    the repository never sees half a file. Publishers may run at once: each gets a version of its own. `settings`
    become the keys of the model's `model.toml`, beside those that it has already.
    """
    _check(model_path, repository, name)
    _write_settings(repository / name / "model.toml", settings or {})
    while True:
        target = repository / name / str(max(_versions(repository / name), default=0) + 1)
        try:
            with new_folder(target, beside=repository) as unfinished:
                shutil.copyfile(model_path, unfinished / f"model{model_path.suffix}")
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return target / f"model{model_path.suffix}"


def newest_version(repository: Path, name: str) -> Path | None:
    """The file of the highest version; None if there is none."""
    for version in sorted(_versions(repository / name), reverse=True):
        for suffix in SUFFIXES:
            path = repository / name / str(version) / f"model{suffix}"
            if path.exists():
                return path
    return None


def _write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Set keys in a `model.toml`, in one step; what else is set there stays."""
    present = tomllib.loads(path.read_text()) if path.exists() else {}
    if all(key in present and present[key] == value for key, value in settings.items()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(".unfinished-model.toml")
    unfinished.write_text(
        "".join(f"{key} = {_toml(value)}\n" for key, value in {**present, **settings}.items())
    )
    unfinished.replace(path)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike


def _check(model_path: Path, repository: Path, name: str) -> None:
    if model_path.suffix not in SUFFIXES:
        raise ValueError(f"model file {model_path} ends in {model_path.suffix!r}; expected one of {SUFFIXES}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"model name {name!r}: expected letters, digits, '_', '-', '.', not first '-' or '.'"
        )
    for flat in (repository / f"{name}{suffix}" for suffix in SUFFIXES):
        if flat.exists():
            raise FileExistsError(
                f"model {name!r} is served from {flat}, which has no versions; "
                f"move it to {repository / name / '1' / f'model{flat.suffix}'} first"
            )


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(child.name) for child in folder.iterdir() if child.name.isdecimal() and child.is_dir()]
