"""What a worker is running, in a file that outlives it: read by the supervisor when the kernel has killed it."""

import mmap
import signal
from pathlib import Path

NOTE_BYTES = 1024
NOTE_SUFFIX = ".running"
"""The note lies beside the worker's socket, under its name."""

FAULTS = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
"""How engines end that do not survive an allocation that fails."""


class Note:
    """The writer, in the worker; only the runner's thread writes. A mapped file: a note costs no system call."""

    def __init__(self, file: Path) -> None:
        with file.open("wb+") as handle:
            handle.truncate(NOTE_BYTES)
            self._memory = mmap.mmap(handle.fileno(), NOTE_BYTES)

    def running(self, handle: str, rows: int) -> None:
        """A batch begins."""
        text = f"{rows} {handle}".encode()[: NOTE_BYTES - 1] + b"\0"
        self._memory[: len(text)] = text

    def idle(self) -> None:
        """It has ended."""
        self._memory[0] = 0


def is_hunger(status: int, oom_kills: int) -> bool:
    """Whether a worker's exit status speaks of want of memory; `oom_kills` is how many the kernel killed since.

    Whoever else kills it has nothing to teach about memory.
    """
    return status in FAULTS or (status == -signal.SIGKILL and oom_kills > 0)


def read_note(file: Path) -> tuple[str, int] | None:
    """The handle of the model that was running, and the rows of its batch; None if none was."""
    try:
        text = file.read_bytes().split(b"\0", 1)[0].decode()
        rows, handle = text.split(" ", 1)
        return handle, int(rows)
    except (OSError, ValueError):
        return None
