"""Cores, memory, files, walls and the clock, as the kernel tells them."""

import ctypes
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from horngate.cli.doctor.finding import Finding, State
from horngate.server.budget import MemorySetting, size_text
from horngate.server.cgroups import limiting_groups
from horngate.server.memory import available_bytes, limit_bytes
from horngate.zoo.walls.standing import standing_walls

AREA = "Machine"
CGROUP = Path("/sys/fs/cgroup")
LEAST_FILES = 1024
_MANY_FILES = 65536
LEAST_BUDGET_BYTES = 256 << 20
BUILDERS_BYTES = 1 << 30
"""What building a small file takes, TensorFlow included."""

_RELEASED_S = 1764115200
"""No clock is right that is before this code was written."""

_UNSYNCHRONIZED = 5


def machine_findings(memory: MemorySetting, *, needs_the_clock: bool) -> Iterator[Finding]:
    """What a server has to run on."""
    yield _cores()
    yield from _memory(memory)
    yield _files()
    yield _walls()
    yield _clock(needed=needs_the_clock)


def _cores() -> Finding:
    usable, quota = len(os.sched_getaffinity(0)), _quota()
    if quota is None or quota >= usable:
        return Finding(area=AREA, name="cores", found=f"{usable} of {os.cpu_count()} may be used")
    return Finding(
        area=AREA,
        name="cores",
        found=f"{usable} may be used, but the container's quota is {quota:g}",
        state=State.WARNING,
        remedy="engines start a thread a core and are then held back: pin whole cores (--cpuset-cpus)",
    )


def _quota(root: Path = CGROUP) -> float | None:
    """How many cores' time the control group may take; None: no bound that is told here."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _memory(setting: MemorySetting) -> Iterator[Finding]:
    limit, available = limit_bytes(), available_bytes()
    groups = [group.limit_bytes for group in limiting_groups()]
    bound = (
        f", bound by a control group ({size_text(min(groups))})"
        if min(groups, default=limit + 1) <= limit
        else ""
    )
    short = available < BUILDERS_BYTES
    yield Finding(
        area=AREA,
        name="memory",
        found=f"{size_text(available)} available of {size_text(limit)}{bound}",
        state=State.WARNING if short else State.OK,
        remedy="building a file takes about 1 GiB; give the machine or the container more" if short else "",
    )
    budget = setting.budget_bytes(limit_bytes=limit, available_bytes=available)
    short = budget < LEAST_BUDGET_BYTES
    yield Finding(
        area=AREA,
        name="budget",
        found=f"{size_text(budget)} for models and batches",
        state=State.FAULT if short else State.OK,
        remedy="an engine alone takes 100 MiB and more; allow more with `memory`" if short else "",
    )


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = soft < LEAST_FILES
    more = (
        f"ulimit -n {min(hard, _MANY_FILES)}"
        if hard > soft
        else f"nofile={_MANY_FILES} in the limits of this user"
    )
    return Finding(
        area=AREA,
        name="open files",
        found=f"{soft:,} a process, {hard:,} where that is raised",
        state=State.WARNING if few else State.OK,
        remedy=f"each connection takes one: {more}" if few else "",
    )


def _walls() -> Finding:
    walls = standing_walls()
    missing = {name: why for name, why in walls.items() if why != "stands"}
    if not missing:
        return Finding(area=AREA, name="walls", found=f"all stand: {', '.join(walls)}")
    return Finding(
        area=AREA,
        name="walls",
        found="; ".join(f"{name}: {why}" for name, why in missing.items()),
        state=State.WARNING,
        remedy="files of strangers are built with fewer walls; a newer kernel (5.13) has them",
    )


def _clock(*, needed: bool) -> Finding:
    now_s = time.time()
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    if now_s < _RELEASED_S:
        return Finding(area=AREA, name="clock", found=told, state=State.FAULT, remedy="set the clock")
    if not _is_synchronized():
        told += ", which the kernel does not know to be synchronized"
        return Finding(
            area=AREA,
            name="clock",
            found=told,
            state=State.WARNING if needed else State.OK,
            remedy="certificates are valid by it: run chrony or systemd-timesyncd" if needed else "",
        )
    return Finding(area=AREA, name="clock", found=f"{told}, synchronized")


def _is_synchronized() -> bool:
    # The kernel fills a structure of 208 bytes at most, and answers with the clock's state.
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return 0 <= state < _UNSYNCHRONIZED
