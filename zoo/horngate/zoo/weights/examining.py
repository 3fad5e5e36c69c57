"""Files without a published hash: looked through once for what is unsafe, then known again."""

from contextlib import suppress
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.zoo.weights import cache
from horngate.zoo.weights.checksums import checksum


def refuse_unsafe(path: Path) -> None:
    """LoadError says what is unsafe in the file. It is read by another process."""
    from horngate.zoo.inspection.apart import inspect_apart

    unsafe = inspect_apart(path)["unsafe"]
    if unsafe:
        told = "; ".join(f"{one['where']} {one['what']}" for one in unsafe[:3])
        raise LoadError(f"it is unsafe, and no hash of it is published: {told}")


def record(path: Path) -> None:
    """Write down what a file is, now that it was looked through."""
    note = cache.beside(path, "sha256")
    with suppress(OSError):  # A cache that cannot be written costs time, not service.
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"{checksum(path)}\n")


def recorded(path: Path) -> str:
    """The checksum of a file when it was looked through, empty if it was not yet."""
    with suppress(OSError, UnicodeDecodeError):
        return cache.beside(path, "sha256").read_text().strip()
    return ""
