"""What each process of a server holds, read from /proc."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SHARED = Path("/dev/shm")
MEASURES = ("memory", "arenas", "files", "threads", "segments")
_COME_AND_GO = ("builder", "fork server")
_TITLE = re.compile(r"horngate: (\w+(?: \w+)?)")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One process at one moment.

    `memory` are resident bytes of its own, `arenas` those that it shares with others, `segments` how many mappings
    these have.
    """

    at_s: float
    role: str
    pid: int
    memory: int
    arenas: int
    files: int
    threads: int
    segments: int


def sample(root: int, at_s: float) -> list[Sample]:
    """The process `root` and all below it. Those that build come and go, and are left out."""
    found = (_process(pid, at_s) for pid in (root, *_below(root)))
    return [one for one in found if one is not None and not one.role.startswith(_COME_AND_GO)]


def own(at_s: float) -> Sample | None:
    """This process."""
    return _process(os.getpid(), at_s, role="callers")


def left_in_shared_memory() -> int:
    """The soak's files of shm_open, and any of the server's; others use the folder, too."""
    return sum(one.name.startswith(("soak-", "horngate")) for one in SHARED.iterdir())


def _below(root: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(entry.name))
    found, wave = [], [root]
    while wave:
        wave = [child for pid in wave for child in parents.get(pid, [])]
        found += wave
    return found


def _process(pid: int, at_s: float, role: str = "") -> Sample | None:
    """None: it has ended meanwhile, or is none of the server's."""
    folder = PROC / str(pid)
    try:
        title = _TITLE.match((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        if title is None and not role:
            return None
        status = (folder / "status").read_text()
        maps = (folder / "maps").read_text()
        return Sample(
            at_s=at_s,
            role=role or (title[1] if title else ""),
            pid=pid,
            memory=_kib(status, "RssAnon") << 10,
            arenas=_kib(status, "RssShmem") << 10,
            files=sum(1 for _ in (folder / "fd").iterdir()),
            threads=sum(1 for _ in (folder / "task").iterdir()),
            segments=maps.count("/memfd:") + maps.count("/dev/shm/"),
        )
    except OSError:
        return None


def _kib(status: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) if found else 0
