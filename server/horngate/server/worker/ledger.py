"""Which sequences live, in a file that outlives the worker: its successor can tell which were lost."""

import json
import os
from contextlib import suppress
from pathlib import Path

from horngate.server.step import Key

LEDGER_SUFFIX = ".sequences"
"""The ledger lies beside the worker's socket, under its name."""

COMPACT_LINES = 1 << 14


class Ledger:
    """A line for each beginning and each end. One thread writes: one system call a line, which survives SIGKILL."""

    def __init__(self, file: Path) -> None:
        # Invariant: the file says, line by line, how `_living` came to be.
        self._living: dict[Key, str] = {}
        self._lines = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._descriptor = os.open(file, flags, 0o600)

    def begun(self, key: Key, version: str) -> None:
        """A sequence lives, on a version of its model."""
        self._living[key] = version
        self._write(key, version)

    def ended(self, key: Key) -> None:
        """It does no longer."""
        if self._living.pop(key, None) is not None:
            self._write(key, None)
        if self._lines > COMPACT_LINES + 2 * len(self._living):
            self._compact()

    def _write(self, key: Key, version: str | None) -> None:
        # A disk that is full costs a better word for a lost sequence, not service.
        with suppress(OSError):
            os.write(self._descriptor, (json.dumps([*key, version]) + "\n").encode())
        self._lines += 1

    def _compact(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        self._lines = 0
        for key, version in self._living.items():
            self._write(key, version)


def read_ledger(file: Path) -> dict[Key, str]:
    """The sequences that lived when the worker before ended, and their versions."""
    living: dict[Key, str] = {}
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, id_, version = json.loads(line)
            living.pop((name, id_), None)
            if version is not None:
                living[name, id_] = version
    return living
