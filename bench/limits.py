"""A control group with a memory limit, of either version."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Limit:
    """A control group of this process's own, or this process's own limit; what is started inside keeps to it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._home: Path | None = None
        self.group = self._made()

    @property
    def name(self) -> str:
        """What kind it is."""
        return "a control group" if self.group else "ulimit -d for each process"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Processes started meanwhile are limited, and stay so."""
        if self.group is None or self._home is None:
            before = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (self._limit_bytes, before[1]))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_DATA, before)
            return
        (self.group / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (self._home / "cgroup.procs").write_text(str(os.getpid()))

    def take(self, pid: int) -> None:
        """One process that runs already; what it holds counts where it was taken."""
        if self.group is None:
            raise OSError("no control group can be made here")
        (self.group / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """Processes of the group that the kernel has killed."""
        for file in ("memory.oom_control", "memory.events"):
            with suppress(OSError, StopIteration, TypeError):
                lines = ((self.group or Path()) / file).read_text().splitlines()
                return int(next(line.split()[1] for line in lines if line.startswith("oom_kill ")))
        return 0

    def peak_mib(self) -> float:
        """The group's most memory so far; 0 where that is not told."""
        for file in ("memory.max_usage_in_bytes", "memory.peak"):
            with suppress(OSError, TypeError):
                return int(((self.group or Path()) / file).read_text()) / (1 << 20)
        return 0.0

    def remove(self) -> None:
        """The group is gone, once all that ran in it has ended."""
        if self.group is not None:
            with suppress(OSError):
                self.group.rmdir()

    def _made(self) -> Path | None:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        homes = [(line.split(":", 2)[1], line.split(":", 2)[2].lstrip("/")) for line in lines]
        for controllers, path in homes:
            first = "memory" in controllers.split(",")
            self._home = Path("/sys/fs/cgroup") / ("memory" if first else "") / path
            if first or not controllers:
                with suppress(OSError):
                    return self._make(self._home / f"horngate-{os.getpid()}", first)
        self._home = None
        return None

    def _make(self, folder: Path, first: bool) -> Path:
        folder.mkdir()
        try:
            limit = folder / ("memory.limit_in_bytes" if first else "memory.max")
            limit.write_text(str(self._limit_bytes))
            if not first:
                (folder / "memory.swap.max").write_text("0")
        except OSError:
            folder.rmdir()
            raise
        return folder
