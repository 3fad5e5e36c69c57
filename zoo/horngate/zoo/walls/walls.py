"""What stands around a builder, whatever a file makes of the libraries that open it.

Raised once, before the first byte of the file is read and before any library starts a thread. Each wall that the
kernel does not offer is left out and said so; the limits of memory and time stand everywhere.
"""

import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from horngate.zoo.walls.kernel import die_with_parent, forbid_new_privileges
from horngate.zoo.walls.landlock import restrict_files
from horngate.zoo.walls.seccomp import filter_system_calls

_READABLE = tuple(
    """
    /usr /lib /lib64 /bin /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/localtime /etc/nsswitch.conf
    /etc/passwd /etc/group /etc/os-release /etc/mime.types /sys/bus /sys/devices /sys/fs/cgroup /sys/kernel/mm
    /proc/self /proc/cpuinfo /proc/meminfo /proc/stat /proc/sys /dev/urandom /dev/random /dev/zero
    """.split()
)
_WRITABLE = ("/dev/null",)
_FOR_LEAVING_S = 5
_NOT_OFFERED = (OSError, AttributeError)
"""What is raised where this kernel, or this system's C library, has no such call."""


@dataclass(frozen=True, kw_only=True)
class Walls:
    """Which walls stand: `""` for one that does, else why it does not."""

    system_calls: str
    """No socket, no process, no call that reaches a neighbour (seccomp)."""
    files: str
    """Reads what Python and its libraries need, writes its own folders (Landlock)."""
    privileges: str
    """No rights beyond those it began with."""

    def to_json(self) -> dict[str, str]:
        """The walls by name, and "stands" or why one does not."""
        return {name: reason or "stands" for name, reason in asdict(self).items()}


def limit(*, memory_bytes: int, cpu_s: int | None, file_bytes: int = 0) -> None:
    """Bound this process's memory, processor time and files; it goes before any other when memory ends.

    RLIMIT_DATA bounds what is written; RLIMIT_AS would also count the address space that TensorFlow and its
    threads reserve and never use, tens of gigabytes on a machine of many cores. 0 leaves memory free, and None
    processor time. A file that is written may have `file_bytes`, or as many as the memory.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(*_NOT_OFFERED):
        die_with_parent(signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if cpu_s is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + _FOR_LEAVING_S))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes or memory_bytes,) * 2)


def raise_walls(*, readable: Sequence[Path], writable: Sequence[Path]) -> Walls:
    """Close this process in. Beside what Python needs it may read `readable`, and write `writable`."""
    privileges = _raised(forbid_new_privileges)
    own = [*map(Path, _READABLE), *python_folders(), *readable]
    files = _raised(lambda: restrict_files(own, [*map(Path, _WRITABLE), *writable]))
    return Walls(privileges=privileges, files=files, system_calls=_raised(filter_system_calls))


def python_folders() -> list[Path]:
    """Where this Python, what is installed for it and Keras's settings lie; not the folder that it runs in."""
    folders = {Path(folder) for folder in sysconfig.get_paths().values()}
    folders |= {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    folders.add(Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser())
    folders |= {Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry}
    here = Path.cwd()
    folders |= {Path(entry) for entry in sys.path if entry and Path(entry) != here}
    return sorted(folders)


def _raised(wall: Callable[[], object]) -> str:
    try:
        wall()
    except _NOT_OFFERED as error:
        return f"the kernel does not offer it: {error}"
    return ""
