"""Downloads on a terminal, with a bar for the file that comes; elsewhere a line for each that has come."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from horngate.zoo.weights import Progress


class FetchScreen:
    """Shows `count` files, one after the other. Used as a context manager, by one thread."""

    def __init__(self, count: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bars

        self._console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._count = count
        # Which file has the bar, and how many are done.
        self._bar: Any = None
        self._done = 0

    def __enter__(self) -> "FetchScreen":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._bars.stop()

    def hear(self, progress: Progress) -> None:
        """Move the bar."""
        if self._bar is None:
            self._bar = self._bars.add_task(progress.name, total=progress.total_bytes)
        self._bars.update(self._bar, completed=progress.done_bytes, total=progress.total_bytes)

    def fetched(self, name: str, path: Path) -> None:
        """Say that a file is in the cache."""
        came = self._bar is not None
        self._close(f"{name}  {'fetched into' if came else 'is in'} {path.parent}")

    def failed(self, name: str, why: str) -> None:
        """Say why a file is not there."""
        self._close(f"{name}  not fetched: {why}")

    def _close(self, line: str) -> None:
        if self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None
        self._done += 1
        counted = f"[{self._done}/{self._count}] " if self._count > 1 else ""
        self._console.print(counted + line, markup=False, soft_wrap=True)
