"""Keras's cache of weights, found as Keras finds it, without importing it.

models/resnet50_…_kernels.h5     a whole file, under the name that Keras gives it
models/.horngate/NAME.part       what was fetched of a file so far; NAME.from says of what
models/.horngate/NAME.lock       held by whoever fetches it
models/.horngate/NAME.sha256     what a file was, of which no hash is published, when it was examined
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ELSEWHERE = Path("/tmp/.keras")  # noqa: S108 - where Keras goes when its own folder cannot be written
_OURS = ".horngate"


def keras_home() -> Path:
    """KERAS_HOME, or `.keras` in the user's home, or in /tmp where the home cannot be written."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"]).expanduser()
    home = Path("~").expanduser()
    return home / ".keras" if os.access(home, os.W_OK) else _ELSEWHERE


def folder() -> Path:
    """Where weights are put: below `keras_home`, or in /tmp where that cannot be written."""
    home = keras_home()
    there = home if home.exists() else home.parent
    return (home if os.access(there, os.W_OK) else _ELSEWHERE) / "models"


def cached(name: str) -> Path | None:
    """A file of the cache, None if it is not there. One that cannot be written is read all the same."""
    places = (keras_home() / "models" / name, folder() / name)
    return next((path for path in places if path.is_file()), None)


def beside(path: Path, ending: str) -> Path:
    """Where Horngate keeps what belongs to a file of the cache; see above for the endings."""
    return path.parent / _OURS / f"{path.name}.{ending}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one who fetches a file; another one waits. The lock ends with its process."""
    lock = beside(path, "lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def put(partial: Path, path: Path) -> None:
    """Give a whole file its name; a reader finds all of it or nothing, after a crash too."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
