"""Folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path, *, beside: Path | None = None) -> Iterator[Path]:
    """A folder to fill, renamed to `target` on leaving; an error on the way leaves nothing behind.

    It is made in `beside` (`target`'s parent if None), which must be on the same file system, under a name
    that begins with a dot. OSError if `target` exists by then and is not an empty folder.
    """
    parent = beside or target.parent
    parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)  # mkdtemp's 0700 would hide the folder from a server of another user
        for path in (*unfinished.iterdir(), unfinished):
            _flush(path)
        target.parent.mkdir(exist_ok=True)
        unfinished.rename(target)
        _flush(target.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
