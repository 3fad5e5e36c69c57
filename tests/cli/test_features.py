"""What `horngate features` says before it asks any server, and of files that go away under it."""

from argparse import Namespace
from pathlib import Path

import pytest

from horngate.cli.features import _files
from horngate.cli.main import main
from horngate.client import InvalidRequest


def test_flags_of_a_running_server_want_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["features", "resnet50", str(tmp_path), "--out", str(tmp_path / "x.h5"), "--tls"]
    assert main(command) == 1
    assert "--tls: that is for a server that runs; name it with --server" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_passed_over_or_told(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"picture")
    names = ["gone.png", "there.png"]
    files, refused = _files(Namespace(folder=tmp_path, keep_going=True), names)
    assert files == {"there.png": b"picture"}
    assert "cannot be read" in refused["gone.png"]
    with pytest.raises(InvalidRequest, match="cannot be read"):
        _files(Namespace(folder=tmp_path, keep_going=False), names)
