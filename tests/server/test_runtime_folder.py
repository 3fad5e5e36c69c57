"""Where a server's own files lie."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from horngate.server import runtime_folder as module
from horngate.server.orders import UPLOADS
from horngate.server.runtime_folder import LOCK, PREFIX, runtime_folder


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The disk for temporary files."""
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_counters_lie_in_memory_and_uploads_on_the_disk(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(module, "MEMORY", memory)
    with runtime_folder() as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o077 == 0
        (folder / UPLOADS / "model.h5").write_bytes(b"large")
        assert (folder / UPLOADS).resolve().parent.parent == disk
    assert [path.name for path in disk.rglob("*")] == ["memory"], "nothing is left behind"


@pytest.mark.parametrize("room", [1 << 60, None])
def test_without_memory_to_spare_all_lies_on_the_disk(
    disk: Path, monkeypatch: pytest.MonkeyPatch, room: int | None
) -> None:
    if room is None:
        monkeypatch.setattr(module, "MEMORY", disk / "nowhere")
    else:
        monkeypatch.setattr(module, "ROOM_BYTES", room)
    with runtime_folder() as folder:
        assert folder.parent == disk
    assert list(disk.iterdir()) == []


STAYS = """
import sys
from pathlib import Path
from horngate.server import runtime_folder as module
module.MEMORY, module.tempfile.tempdir = Path(sys.argv[1]), sys.argv[2]
with module.runtime_folder() as folder:
    (folder / "uploads" / "model.h5").write_bytes(b"large")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(memory: Path, disk: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has such a folder, and says where."""
    command = [sys.executable, "-c", STAYS, str(memory), str(disk)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def test_what_a_killed_server_left_goes_with_the_next_start_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    monkeypatch.setattr(module, "MEMORY", memory)
    monkeypatch.setattr(module.tempfile, "tempdir", str(disk))
    strange = memory / f"{PREFIX}somebody-elses"
    strange.mkdir()
    (memory / f"{PREFIX}file").write_text("no folder")
    link = memory / f"{PREFIX}link"
    with another(memory, disk) as alive, another(memory, disk) as killed:
        left = [Path(each.stdout.readline().strip()) for each in (alive, killed) if each.stdout]
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        link.symlink_to(left[0])
        assert {path.name for path in left} < {path.name for path in memory.iterdir()}
        assert len(list(disk.iterdir())) == 2
        with runtime_folder() as folder:
            there = {path for path in memory.iterdir() if path.is_dir()}
            assert there == {folder, left[0], strange, link}
            assert len(list(disk.iterdir())) == 2
            assert (left[0] / UPLOADS / "model.h5").read_bytes() == b"large"
        alive.communicate("")


def test_another_users_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / f"{PREFIX}theirs"
    theirs.mkdir()
    (theirs / LOCK).touch()
    monkeypatch.setattr(module, "MEMORY", tmp_path)
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    with monkeypatch.context() as as_another:
        as_another.setattr(module.os, "geteuid", lambda: os.getuid() + 1)
        with runtime_folder():
            assert theirs.exists()
    with runtime_folder():
        assert not theirs.exists()
