"""What processes counted that have ended: added up in one file of each kind, whoever counts on.

Else every worker that ends would leave files that each scrape reads. The supervisor alone writes them; `READING` is
held by it meanwhile, and by whoever reads all files.
"""

import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from horngate.server.mapped import Mapped, Pair, read_mapped, without
from horngate.server.series import DIRECTORY_VARIABLE, Version, version_of

READING = threading.Lock()
PAST = "past"

Join = Callable[[Pair, Pair], Pair]


def _sum(before: Pair, more: Pair) -> Pair:
    return before[0] + more[0], before[1] + more[1]


JOINED: Mapping[str, Join] = {"counter": _sum, "histogram": _sum, "gauge_max": max}
"""How kinds of metrics go on; what only a living process can say does not."""


def forget_process(pid: int) -> None:
    """Keep what a process counted that has ended, and drop what it said of the present.

    Where there is no room to add it up, or no descriptor, it stays where it is.
    """
    folder = Path(os.environ[DIRECTORY_VARIABLE])
    with READING, suppress(OSError):
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.removesuffix(f"_{pid}.db")
            if kind in JOINED:
                _add(file, folder / f"{kind}_{PAST}.db", JOINED[kind])
            file.unlink()
        for file in folder.glob(f"{pid}-*.tally"):
            _add(file, folder / f"{PAST}.tally", _sum)
            file.unlink()


def _add(file: Path, past: Path, join: Join) -> None:
    total = dict(read_mapped(past)) if past.exists() else {}
    for key, pair in read_mapped(file):
        total[key] = join(total[key], pair) if key in total else pair
    Mapped.anew(past, total).close()


def forget_past(versions: Collection[Version]) -> None:
    """Let go of what processes that have ended counted of versions that are gone, where there is room for that."""
    folder, gone = Path(os.environ[DIRECTORY_VARIABLE]), set(versions)
    with READING, suppress(OSError):
        for file in (*folder.glob(f"*_{PAST}.db"), *folder.glob(f"{PAST}.tally")):
            without(file, lambda key: version_of(key) in gone).close()
