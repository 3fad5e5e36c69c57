"""Folders that a server writes: where, how large, whether it may, and what is left."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from horngate.cli.doctor.finding import Finding, State
from horngate.server.budget import size_text
from horngate.zoo.weights.cache import folder as weights_folder

AREA = "Storage"
SHARED = Path("/dev/shm")  # noqa: S108 - where Linux has the files of shm_open.
LEAST_LEFT_BYTES = 1 << 30
LEAST_SHARED_BYTES = 256 << 20


def storage_findings(cache: Path, *, shared_memory: bool) -> Iterator[Finding]:
    """The caches, the temporary folder, and the callers' shared memory."""
    yield _folder("artifacts", cache, "set `cache` to a folder that this user may write, with room")
    yield _folder(
        "weights", weights_folder(), "set KERAS_HOME to a folder that this user may write, with room"
    )
    yield _folder(
        "temporary", Path(tempfile.gettempdir()), "set TMPDIR to a folder that may be written", sized=False
    )
    yield _shared(wanted=shared_memory)


def _folder(name: str, path: Path, remedy: str, *, sized: bool = True) -> Finding:
    there = _nearest(path)
    left_bytes = shutil.disk_usage(there).free
    missing = "" if path.exists() else ", not there yet"
    held = f"{size_text(_held_bytes(path))} held, " if sized and path.exists() else ""
    found = f"{path}{missing}: {held}{size_text(left_bytes)} free"
    if not _can_be_written(there):
        return Finding(
            area=AREA, name=name, found=f"{found}; it cannot be written", state=State.FAULT, remedy=remedy
        )
    if left_bytes < LEAST_LEFT_BYTES:
        return Finding(area=AREA, name=name, found=found, state=State.WARNING, remedy=remedy)
    return Finding(area=AREA, name=name, found=found)


def _nearest(path: Path) -> Path:
    """The folder itself or, before it is made, the one in which it will be."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _can_be_written(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _held_bytes(path: Path) -> int:
    files = (Path(place) / name for place, _, names in os.walk(path) for name in names)
    return sum(file.stat().st_size for file in files if file.is_file())


def _shared(*, wanted: bool) -> Finding:
    if not SHARED.is_dir():
        state, left = (State.FAULT if wanted else State.OK), "is not there"
    else:
        usage = shutil.disk_usage(SHARED)
        left = f"{size_text(usage.free)} free of {size_text(usage.total)}"
        state = State.WARNING if wanted and usage.free < LEAST_SHARED_BYTES else State.OK
    use = "; for counters, and callers' tensors" if wanted else "; for the server's counters"
    return Finding(
        area=AREA,
        name="shared memory",
        found=f"{SHARED}: {left}{use}",
        state=state,
        remedy="" if state is State.OK else "in a container: --shm-size 1g, and callers share it by --ipc",
    )
