"""CPU time of running processes, from /proc (Linux)."""

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

KINDS = ("supervisor", "gateway", "worker", "builder", "fork server")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> dict[int, float]:
    """A process and all that descend from it and still run: user + system seconds by process id."""
    children, used = defaultdict(list), {}
    for pid, parent, cpu_s in _processes():
        children[parent].append(pid)
        used[pid] = cpu_s
    found, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        found[pid] = used.get(pid, 0.0)
        waiting += children[pid]
    return found


def tree_cpu_s(root: int) -> dict[str, float]:
    """The same, summed by kind of process.

    Horngate's processes say in their titles what they are; the rest is `other`.
    """
    by_kind: dict[str, float] = defaultdict(float)
    for pid, cpu_s in tree(root).items():
        by_kind[_kind(pid)] += cpu_s
    return by_kind


def tree_named(root: int, kind: str) -> list[int]:
    """The process ids of those of a tree that are of this kind."""
    return [pid for pid in tree(root) if _kind(pid) == kind]


def main_thread_cpu_s(pid: int) -> float:
    """User + system seconds of a process's first thread alone."""
    user, system = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS_PER_S


def used_cpu_s(before: dict[int, float], after: dict[int, float]) -> float:
    """What a tree's processes used between two looks at it; one that has ended since counts for nothing."""
    return sum(cpu_s - before.get(pid, 0.0) for pid, cpu_s in after.items())


def machine_cpu_s() -> float:
    """Seconds that the machine's cores have been busy, for whomever."""
    first, *_ = Path("/proc/stat").read_text().splitlines()
    user, nice, system, _idle, _iowait, *interrupts_and_steal = map(int, first.split()[1:9])
    return (user + nice + system + sum(interrupts_and_steal)) / _TICKS_PER_S


def proportional_mb(pid: int) -> float:
    """Its proportional set size: memory shared by several counts for each in part. 0 if it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def wait_until_idle(root: int, limit_s: float = 30.0) -> None:
    """Wait, `limit_s` at most, until the process and its descendants do nothing for a moment."""
    wait_until_rest(lambda: sum(tree(root).values()), limit_s)


def wait_until_rest(cpu_s: Callable[[], float], limit_s: float) -> None:
    """Wait, `limit_s` at most, until the CPU seconds that it tells do not grow for a moment."""
    used, end = -1.0, time.monotonic() + limit_s
    while (now := cpu_s()) - used > 0.02 and time.monotonic() < end:
        used = now
        time.sleep(0.3)


def wait_until_quiet(limit_s: float, busy_share: float = 0.08) -> None:
    """Wait, `limit_s` at most, for a second in which the machine is as good as idle."""
    cores, end = os.cpu_count() or 1, time.monotonic() + limit_s
    while time.monotonic() < end:
        before, start = machine_cpu_s(), time.monotonic()
        time.sleep(1.0)
        if machine_cpu_s() - before < busy_share * cores * (time.monotonic() - start):
            return


def _processes() -> list[tuple[int, int, float]]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            # The second field is the name in parentheses and may hold spaces; what follows is regular.
            fields = stat.rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            found.append((int(folder.name), int(fields[1]), ticks / _TICKS_PER_S))
    return found


def _kind(pid: int) -> str:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "other"
    return next((kind for kind in KINDS if kind in title), "other")
