"""The folder of a server's sockets, counters and notes, which goes with it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from horngate.server.orders import UPLOADS

MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it are made by tempfile
ROOM_BYTES = 16 << 20


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """A new folder that only this user may enter; in memory, where there is room.

    Counters and notes are mapped files: on a disk that fills up, the kernel kills whoever writes to one. What
    callers upload is large, and lies on the disk behind a link.
    """
    with (
        tempfile.TemporaryDirectory(prefix="horngate-", dir=_memory()) as name,
        tempfile.TemporaryDirectory(prefix="horngate-uploads-") as uploads,
    ):
        folder = Path(name)
        (folder / UPLOADS).symlink_to(uploads)
        yield folder


def _memory() -> Path | None:
    """Where files are in memory; None where that is not, or full."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= ROOM_BYTES
    except OSError:
        return None
    return MEMORY if roomy and os.access(MEMORY, os.W_OK) else None
