"""Sums that are finer than metrics should be, such as one for each size of batch; ModelStatistics tells them.

Each process adds to a mapped file of its own, beside those of the metrics, so that a killed process loses none.
"""

import json
import os
import struct
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from horngate.server.metrics import DIRECTORY_VARIABLE

SUFFIX = ".tally"

Pair = tuple[float, float]
Key = tuple[str, str, str]
"""Model, version, what is counted."""


class Tallies:
    """This process's pairs of sums. One thread owns it."""

    def __init__(self, file: Path) -> None:
        from prometheus_client.mmap_dict import MmapedDict

        self._mapped = MmapedDict(str(file))  # type: ignore[no-untyped-call]
        # Invariant: the file has, under the key's name, what _sums has.
        self._sums: dict[Key, Pair] = {}
        self._names: dict[Key, str] = {}

    @classmethod
    def of_process(cls) -> "Tallies":
        """In the folder of the server's figures."""
        return cls(Path(os.environ[DIRECTORY_VARIABLE]) / f"{uuid.uuid4().hex}{SUFFIX}")

    def add(self, model: str, version: str, what: str, first: float, second: float) -> None:
        """Add to both sums of a pair."""
        key = (model, version, what)
        before = self._sums.get(key)
        if before is None:
            before = (0.0, 0.0)
            self._names[key] = json.dumps(key)
        after = self._sums[key] = (before[0] + first, before[1] + second)
        self._mapped.write_value(self._names[key], *after)  # type: ignore[no-untyped-call]


def read_tallies(folder: Path) -> dict[Key, Pair]:
    """The sums of all processes, those that have ended among them."""
    totals: dict[Key, Pair] = defaultdict(lambda: (0.0, 0.0))
    for file in folder.glob(f"*{SUFFIX}"):
        for key, first, second in _read(file):
            before = totals[key]
            totals[key] = (before[0] + first, before[1] + second)
    return totals


def _read(file: Path) -> Iterator[tuple[Key, float, float]]:
    from prometheus_client.mmap_dict import MmapedDict

    # What is just being made has nothing yet.
    with suppress(OSError, RuntimeError, ValueError, struct.error):
        found = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
        for name, first, second, _ in list(found):
            model, version, what = json.loads(name)
            yield (model, version, what), first, second
