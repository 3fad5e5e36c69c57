"""What this process and this machine have of memory, read from the kernel."""

import ctypes
import os
import resource
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATUS = Path("/proc/self/status")
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_bytes() -> int:
    """What could still be allocated: the machine's available memory, or less where a control group says so."""
    available = _field_kib(Path("/proc/meminfo"), "MemAvailable") * 1024
    for limit, usage in _CGROUPS:
        try:
            available = min(available, int(limit.read_text()) - int(usage.read_text()))
        except (OSError, ValueError):
            continue  # No such group, or its limit reads "max".
    return max(available, 0)


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


def _field_kib(path: Path, field: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise KeyError(field)
