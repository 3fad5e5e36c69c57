"""Uploads are kept within a limit, whole, where they may be."""

import asyncio
from pathlib import Path

import pytest

from horngate.contract.errors import InvalidRequest, ResourceExhausted, Unsupported
from horngate.server.gateway.uploads import Uploads


def kept(uploads: Uploads, **sizes: int) -> str:
    files = {f"1/model.{suffix}": bytes(size) for suffix, size in sizes.items()}
    return asyncio.run(uploads.keep(files))


def test_files_lie_as_in_a_repository(tmp_path: Path) -> None:
    name = kept(Uploads(tmp_path / "uploads", 100), json=3, h5=7)
    found = {str(path.relative_to(tmp_path)): path.stat().st_size for path in tmp_path.rglob("*.*")}
    assert found == {f"uploads/{name}/1/model.h5": 7, f"uploads/{name}/1/model.json": 3}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.suffix == ".h5":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        kept(Uploads(tmp_path, 100), json=3, h5=7)
    assert list(tmp_path.iterdir()) == []


def test_the_limit_is_for_all_that_lie_there(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 100)
    kept(uploads, h5=60)
    with pytest.raises(ResourceExhausted, match=r"received 50 bytes; .* 100, and has 60 of them"):
        kept(uploads, json=10, h5=40)
    assert len(list(tmp_path.iterdir())) == 1
    kept(uploads, h5=40)


def test_without_a_limit_none_are_taken(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="--upload-bytes"):
        kept(Uploads(tmp_path, 0), h5=0)


@pytest.mark.parametrize(
    "path",
    [
        "../../x/model.h5", "1/../model.h5", "/1/model.h5", "0/model.h5", "01/model.h5", "1/model.toml", "model.h5",
        "1/model.h5\0", "1/model.h5\n", "1//model.h5", "\u0661/model.h5", "1/model.py", "9" * 19 + "/model.h5",
    ],
)  # fmt: skip
def test_they_go_nowhere_else(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidRequest, match="VERSION/NAME"):
        asyncio.run(Uploads(tmp_path, 100).keep({path: b""}))
    assert list(tmp_path.iterdir()) == []
