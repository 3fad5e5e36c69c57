"""The processes of a running server, found by their titles."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

PATIENCE_S = 60.0
T = TypeVar("T")


def titles(supervisor_pid: int) -> dict[int, str]:
    """The supervisor, its children and theirs: pid and title."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                names[int(entry.name)] = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
            except OSError:
                continue
    near = {supervisor_pid} | {pid for pid, parent in parents.items() if parent == supervisor_pid}
    return {pid: name for pid, name in names.items() if pid in near or parents[pid] in near}


def pid_of(supervisor_pid: int, title: str) -> int:
    """The child of that title, once it is there."""
    return until(lambda: next((pid for pid, name in titles(supervisor_pid).items() if title in name), 0))


def standing(supervisor_pid: int) -> dict[int, str]:
    """The server's processes, but for those that build, which come and go."""
    found = titles(supervisor_pid)
    return {pid: title for pid, title in found.items() if "builder" not in title and "fork" not in title}


def maps(pid: int) -> str:
    """What a process has mapped: which libraries it has loaded."""
    return Path(f"/proc/{pid}/maps").read_text()


def is_alive(pid: int) -> bool:
    """Whether the process is there."""
    return os.path.exists(f"/proc/{pid}")


def cpu_ticks(pid: int) -> int:
    """The processor time that a process has taken, in the kernel's ticks, of which a second has a hundred."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def until(probe: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """The first true answer of `probe`, asked again and again; TimeoutError if there is none."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.02)
    raise TimeoutError(f"no answer in {patience_s} s")
