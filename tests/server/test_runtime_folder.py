"""Where a server's own files lie."""

from pathlib import Path

import pytest

from horngate.server import runtime_folder as module
from horngate.server.orders import UPLOADS
from horngate.server.runtime_folder import runtime_folder


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
        assert (folder / UPLOADS).resolve().parent == disk
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
