"""From a trained file to the next version of a served model."""

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from horngate.contract.errors import NotFound
from horngate.training.atomic import new_folder
from horngate.training.model_toml import change_settings, read_settings, write_settings

SUFFIXES = (".h5", ".hdf5", ".keras")
CANARY = "canary"
"""The label of a version that is tried on requests that ask for it."""
_LOCK = ".publishing"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def publish(
    model_path: Path,
    repository: Path,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    canary: bool = False,
) -> Path:
    """Copy the file into `repository` as `name`'s next version; the new file's path.

    The version's folder (`name/4/model.h5` after `name/3`) appears in one step, so that a server that watches
    the repository never sees half a file. Publishers may run at once: each gets a version of its own. `settings`
    become the keys of the model's `model.toml`, beside those that it has already. A `canary` is served to requests
    that name its version or the label `canary`; all others go on to the version that they went to.
    """
    _check(model_path, repository, name)
    folder = repository / name
    with _alone(repository):
        before = read_settings(folder)
        try:
            change_settings(folder, settings or {})
            number = max(_versions(folder), default=0) + 1
            with new_folder(folder / str(number), beside=repository) as unfinished:
                shutil.copyfile(model_path, unfinished / f"model{model_path.suffix}")
                if canary:
                    _lead_past(folder, number)
        except BaseException:
            if read_settings(folder) != before:
                write_settings(folder, before)
            raise
        if not canary and "default_version" in before:
            change_settings(folder, {"default_version": number})
    return folder / str(number) / f"model{model_path.suffix}"


def _lead_past(folder: Path, canary: int) -> None:
    """Requests that name no version stay where they are, before there is another version."""
    present, there = read_settings(folder), _versions(folder)
    labels = {**present.get("version_labels", {}), CANARY: canary}
    pinned = {"default_version": present.get("default_version", max(there))} if there else {}
    change_settings(folder, {**pinned, "version_labels": labels})


def promote(repository: Path, name: str) -> int:
    """Let the canary answer all requests that name no version; its number. NotFound if there is none."""
    folder = repository / name
    with _alone(repository):
        return _end_of_canary(folder, lambda canary: {"default_version": canary})


def withdraw(repository: Path, name: str) -> int:
    """Serve the canary to nobody any more; its number. Its file stays. NotFound if there is none."""
    folder = repository / name
    with _alone(repository):
        return _end_of_canary(folder, lambda canary: {})


def _end_of_canary(folder: Path, settings: Callable[[int], Mapping[str, Any]]) -> int:
    present = read_settings(folder)
    labels = dict(present.get("version_labels", {}))
    if CANARY not in labels:
        raise NotFound(f"model '{folder.name}' has no canary; `horngate publish FILE --canary` makes one")
    canary = int(labels.pop(CANARY))
    changed = {**present, "version_labels": labels, **settings(canary)}
    write_settings(folder, {key: value for key, value in changed.items() if value != {}})
    return canary


def served_version(repository: Path, name: str) -> Path | None:
    """The file of the version that answers requests that name none: the newest, or what `model.toml` says."""
    pinned = read_settings(repository / name).get("default_version")
    return _file(repository / name, pinned) if pinned else newest_version(repository, name)


def newest_version(repository: Path, name: str) -> Path | None:
    """The file of the highest version; None if there is none."""
    folder = repository / name
    files = (_file(folder, version) for version in sorted(_versions(folder), reverse=True))
    return next(filter(None, files), None)


def _file(folder: Path, version: int) -> Path | None:
    paths = (folder / str(version) / f"model{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.exists()), None)


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """No other publisher of this repository is at work meanwhile."""
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
