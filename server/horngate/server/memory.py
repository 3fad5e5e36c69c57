"""What this process and this machine have of memory, read from the kernel.

A process without a free descriptor can read nothing; it is told again what was read last.
"""

import ctypes
import os
import resource
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from horngate.server.cgroups import limiting_groups

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATUS = Path("/proc/self/status")
_MACHINE = Path("/proc/meminfo")
_COUNTERS = Path("/proc/vmstat")


def _or_as_before(read: Callable[[], int]) -> Callable[[], int]:
    last: list[int] = []

    @wraps(read)
    def ask() -> int:
        try:
            last[:] = [read()]
        except OSError:
            if not last:
                raise
        return last[0]

    return ask


@_or_as_before
def available_bytes() -> int:
    """What could still be allocated: the machine's available memory, or less.

    Less is what a control group at any level leaves, or this process's own limits (`ulimit -v`, `ulimit -d`).
    """
    left = [_field_kib(_MACHINE, "MemAvailable") * 1024]
    left += [group.left_bytes for group in limiting_groups()]
    for limit, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            left.append(most - _field_kib(_STATUS, field) * 1024)
    return max(0, min(left))


@_or_as_before
def limit_bytes() -> int:
    """All that there is: the machine's memory, or the tightest limit of a control group or of this process."""
    limits = [_field_kib(_MACHINE, "MemTotal") * 1024]
    limits += [group.limit_bytes for group in limiting_groups()]
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            limits.append(most)
    return min(limits)


@_or_as_before
def resident_bytes() -> int:
    """This process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def reset_peak() -> None:
    """Begin to measure `peak_bytes` from here. Where the kernel refuses, the peak is the process's own."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    """The most resident memory since `reset_peak`."""
    try:
        return _field_kib(_STATUS, "VmHWM") * 1024
    except (OSError, KeyError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def trim() -> None:
    """Give freed memory back to the system, so that what is measured next is not hidden in it."""
    ctypes.CDLL(None).malloc_trim(0)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started; 0 where it does not tell."""
    try:
        return _counter("oom_kill")
    except (OSError, KeyError, ValueError):
        return 0


def die_first(badness: int) -> None:
    """Tell the kernel whom to end when memory runs out: of 0 to 1000, the highest first."""
    try:
        Path("/proc/self/oom_score_adj").write_text(str(badness))
    except OSError:
        return


def _counter(name: str) -> int:
    for line in _COUNTERS.read_text().splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    raise KeyError(name)


def _field_kib(path: Path, field: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise KeyError(field)
