"""Files that appear whole: written in a folder beside their place, then renamed into it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from horngate.contract.errors import LoadError


@dataclass
class Draft:
    """Where to write, under the final name. `files` are the final places, known when all is done."""

    path: Path
    files: tuple[Path, ...] = field(default=())


@contextmanager
def placed(target: Path, *, force: bool) -> Iterator[Draft]:
    """A draft whose files, and all that are written beside it, are moved to the target's folder in the end.

    The target itself comes last, so that a file that points to another never stands alone. LoadError if there is
    something already, unless `force`, or no folder to write into.
    """
    _check(target, force)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        draft = Draft(path=folder / target.name)
        yield draft
        others = sorted(one for one in folder.iterdir() if one.name != target.name)
        for one in others:
            _check(target.parent / one.name, force)
        for one in [*others, draft.path]:
            _move(one, target.parent / one.name, folder)
        draft.files = (target, *(target.parent / one.name for one in others))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(target: Path, force: bool) -> None:
    if not target.parent.is_dir():
        raise LoadError(f"there is no folder '{target.parent}' to write '{target.name}' into; make it first")
    if not os.access(target.parent, os.W_OK):
        raise LoadError(f"'{target.parent}' cannot be written to; choose another folder")
    if target.exists() and not force:
        raise LoadError(f"'{target}' exists; choose another name, or replace it with --force (force=True)")


def _move(draft: Path, target: Path, scratch: Path) -> None:
    """A folder cannot be renamed over another, so the old one steps aside first."""
    if draft.is_file():
        with draft.open("rb") as file:
            os.fsync(file.fileno())
    if target.is_dir() or (target.exists() and draft.is_dir()):
        target.replace(scratch / f"old-{target.name}")
    draft.replace(target)
