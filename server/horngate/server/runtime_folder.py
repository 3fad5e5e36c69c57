"""The folder of a server's sockets, counters and notes, which goes with it, or with the next one's start."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from horngate.server.orders import UPLOADS

MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it are made by tempfile
ROOM_BYTES = 16 << 20
PREFIX = "horngate-"
LOCK = ".in-use"
"""A file that is locked for as long as its folder is used; the kernel lets go of it with the process."""


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """A new folder that only this user may enter; in memory, where there is room.

    Counters and notes are mapped files: on a disk that fills up, the kernel kills whoever writes to one. What
    callers upload is large, and lies on the disk behind a link. Folders of this user's servers that were killed go.
    """
    disk = Path(tempfile.gettempdir())
    for place in (MEMORY, disk):
        _remove_left(place)
    with (
        _folder(PREFIX, _memory() or disk) as folder,
        _folder(f"{PREFIX}uploads-", disk) as uploads,
    ):
        files = uploads / UPLOADS
        files.mkdir()
        (folder / UPLOADS).symlink_to(files)
        yield folder


@contextmanager
def _folder(prefix: str, place: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place) as name:
        folder = Path(name)
        unnamed = folder / f"{LOCK}-not-yet"
        with unnamed.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # It has that name only while it is locked: one that is not is nobody's.
            unnamed.rename(folder / LOCK)
            yield folder


def _remove_left(place: Path) -> None:
    """Remove the folders of this user's that nobody uses any more."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # Used, no folder of ours, or removed by another server just now.
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    """OSError if it is used, or is not one of these folders."""
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """Where files are in memory; None where that is not, or full."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= ROOM_BYTES
    except OSError:
        return None
    return MEMORY if roomy and os.access(MEMORY, os.W_OK) else None
