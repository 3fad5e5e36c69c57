"""The most rows of a model's batches: what its memory model allows, less what running out of memory has taught.

Lowered to a part of what failed; raised by small steps after many batches that were good, never above what the
model allows. What was learned is kept beside the artifact, so that a restart begins there.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from horngate.server.artifact import write_whole

RAISE_AFTER = 200
RAISE_SHARE = 8


class Cap:
    """`rows` is what holds now. The worker's main thread owns it; `changed` hears of every lesson."""

    def __init__(self, bound: int, file: Path) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._bound = bound
        self._file = file
        self._learned = _read(file)
        self._good = 0

    @property
    def rows(self) -> int:
        """The most rows of a batch."""
        return max(1, self._bound if self._learned is None else min(self._bound, self._learned))

    @property
    def learned_rows(self) -> int | None:
        """What running out of memory has taught; None if nothing holds any more."""
        return self._learned

    def fit(self, bound: int) -> None:
        """Take a new bound: the budget or what else is loaded has changed."""
        self._bound = bound

    def ran_out(self, rows: int) -> None:
        """A batch of so many rows found no memory: half of it is tried."""
        self.learn(max(1, rows // 2))

    def learn(self, rows: int) -> None:
        """Hold to so many rows, unless fewer hold already."""
        if rows < self.rows:
            self._good = 0
            self._keep(rows)

    def ran(self, rows: int) -> None:
        """A batch was good. Those near the cap count; enough of them raise it a little."""
        if self._learned is None or 2 * rows <= self._learned:
            return
        self._good += 1
        if self._good >= RAISE_AFTER:
            self._good = 0
            raised = self._learned + max(1, self._learned // RAISE_SHARE)
            self._keep(raised if raised < self._bound else None)

    def _keep(self, learned: int | None) -> None:
        self._learned = learned
        # A cache that cannot be written costs another lesson, not service.
        with suppress(OSError):
            if learned is None:
                self._file.unlink(missing_ok=True)
            else:
                write_whole(self._file, json.dumps({"rows": learned}).encode())
        self.changed()


def _read(file: Path) -> int | None:
    try:
        return max(1, int(json.loads(file.read_text())["rows"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
