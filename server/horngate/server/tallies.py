"""Sums that are finer than metrics should be, such as one for each size of batch; ModelStatistics tells them.

Each process adds to a mapped file of its own, beside those of the metrics, so that a killed process loses none.
"""

import json
import os
import uuid
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from horngate.server.mapped import Mapped, Pair, read_mapped
from horngate.server.past import READING
from horngate.server.series import DIRECTORY_VARIABLE, Version, version_of

SUFFIX = ".tally"

Key = tuple[str, str, str]
"""Model, version, what is counted."""


class Tallies:
    """This process's pairs of sums. One thread owns it."""

    def __init__(self, file: Path) -> None:
        self._mapped = Mapped(file)
        # Invariant: the file has, under the key's name, what _sums has.
        self._sums: dict[Key, Pair] = {}
        self._names: dict[Key, str] = {}

    @classmethod
    def of_process(cls) -> "Tallies":
        """In the folder of the server's figures."""
        return cls(Path(os.environ[DIRECTORY_VARIABLE]) / f"{os.getpid()}-{uuid.uuid4().hex}{SUFFIX}")

    def add(self, model: str, version: str, what: str, first: float, second: float) -> None:
        """Add to both sums of a pair."""
        key = (model, version, what)
        before = self._sums.get(key)
        if before is None:
            before = (0.0, 0.0)
            self._names[key] = json.dumps(key)
        after = self._sums[key] = (before[0] + first, before[1] + second)
        self._mapped.write(self._names[key], after)

    def forget(self, versions: Collection[Version]) -> None:
        """Let go of the sums of versions that are gone."""
        gone = set(versions)
        for key in [key for key in self._sums if key[:2] in gone]:
            del self._sums[key], self._names[key]
        with suppress(OSError):  # There is no room to make the file anew.
            self._mapped.drop(lambda name: version_of(name) in gone)


def read_tallies(folder: Path) -> dict[Key, Pair]:
    """The sums of all processes, those that have ended among them."""
    totals: dict[Key, Pair] = defaultdict(lambda: (0.0, 0.0))
    found: list[tuple[str, Pair]] = []
    for file in folder.glob(f"*{SUFFIX}"):
        with READING, suppress(OSError):
            found += read_mapped(file)
    for name, (first, second) in found:
        model, version, what = json.loads(name)
        before = totals[model, version, what]
        totals[model, version, what] = (before[0] + first, before[1] + second)
    return totals
