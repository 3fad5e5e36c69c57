"""From a trained file to the next version of a served model."""

import errno
import re
import shutil
from pathlib import Path

from horngate.training.atomic import new_folder

SUFFIXES = (".h5", ".hdf5", ".keras")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def publish(model_path: Path, repository: Path, name: str) -> Path:
    """Copy the file into `repository` as `name`'s next version; the new file's path.

    The version's folder (`name/4/model.h5` after `name/3`) appears in one step, so that a server that watches
    the repository never sees half a file. Publishers may run at once: each gets a version of its own.
    """
    _check(model_path, repository, name)
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
