"""The memory limits that control groups set for this process, of either version, at every level above it."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Group:
    """One group with a limit. `used_bytes` leaves out files that the kernel drops when memory is short."""

    limit_bytes: int
    used_bytes: int

    @property
    def left_bytes(self) -> int:
        """What its processes may still take."""
        return max(0, self.limit_bytes - self.used_bytes)


def limiting_groups(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> list[Group]:
    """Every group with a memory limit that this process is in, and the mount's own root, a container's limit.

    OSError if there is no free descriptor to look with.
    """
    groups = []
    for folder, is_second in _folders(membership, mount):
        group = _second(folder) if is_second else _first(folder)
        if group is not None:
            groups.append(group)
    return groups


def _folders(membership: Path, mount: Path) -> Iterator[tuple[Path, bool]]:
    """The folders to look into, and whether each is of version 2."""
    lines = _text(membership).splitlines()
    paths = {"memory": "/", "": "/"}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in paths:
                paths[controller] = path
    roots = [(mount / "memory", False), (mount, True), (mount / "unified", True)]
    for root, is_second in roots:
        inside = PurePosixPath(paths["" if is_second else "memory"].lstrip("/"))
        # Inside a container the path may be the host's, and only the root is there to be read.
        for level in (inside, *inside.parents):
            yield root / level, is_second


def _first(folder: Path) -> Group | None:
    return _read(
        folder / "memory.limit_in_bytes",
        folder / "memory.usage_in_bytes",
        folder / "memory.stat",
        "total_inactive_file",
    )


def _second(folder: Path) -> Group | None:
    return _read(folder / "memory.max", folder / "memory.current", folder / "memory.stat", "inactive_file")


def _read(limit: Path, usage: Path, statistics: Path, idle_files: str) -> Group | None:
    """None where there is no such group, or its limit reads "max"."""
    try:
        limit_bytes, used_bytes = int(_text(limit)), int(_text(usage))
    except ValueError:
        return None
    return Group(limit_bytes=limit_bytes, used_bytes=max(0, used_bytes - _field(statistics, idle_files)))


def _field(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return 0


def _text(path: Path) -> str:
    """What a file says; nothing where it is not, or is not to be read."""
    try:
        return path.read_text()
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return ""
