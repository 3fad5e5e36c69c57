"""`horngate zoo`, as a person or a script calls it."""

import json
from pathlib import Path

import h5py
import pytest

from horngate.cli.main import main
from horngate.zoo.registry import names, read_choice
from tests.zoo.weights.place import place

LINE = "mobilenet:alpha=0.25:input_shape=128x128x3"
FILE = "mobilenet_2_5_128_tf.h5"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files of weights."""
    (tmp_path / "usb").mkdir()
    for name in (FILE, "mobilenet_2_5_128_tf_no_top.h5"):
        with h5py.File(tmp_path / "usb" / name, "w") as file:
            file.attrs["layer_names"] = [b"dense"]
            file.create_group("dense").attrs["weight_names"] = []
    return tmp_path / "usb"


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "list"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[2:]] == names()
    assert main(["zoo", "list", "--json"]) == 0
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["resnet50"]["published"]["parameters"] == 25_636_712
    assert told["resnet50"]["weights"][0]["cached"] is False


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "show", "MobileNet"]) == 0
    printed = capsys.readouterr().out
    assert "keras.applications.MobileNet\n" in printed
    assert printed.count("no hash is published") == len(read_choice("mobilenet").network.weights) == 32


def test_fetch_and_verify(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "fetch", LINE, "--no-top", "--mirror", str(folder)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(f"[1/2] {FILE}  ")
    assert main(["zoo", "verify"]) == 0
    assert capsys.readouterr().out.count("right") == 2
    assert main(["zoo", "list"]) == 0
    assert "whole, without head" in capsys.readouterr().out
    (home / "models" / FILE).write_bytes(b"rotten")
    assert main(["zoo", "verify", "--json"]) == 3
    assert {one["name"]: one["state"] for one in json.loads(capsys.readouterr().out)}[FILE] == "wrong"


def test_one_that_fails_does_not_keep_the_others_away(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {FILE: (folder / FILE).read_bytes()}
    with place(files) as there:
        assert main(["zoo", "fetch", "vgg16", LINE, "--mirror", there.url]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert "not fetched: " in printed[0]
    assert "404 Not Found" in printed[0]
    assert f"fetched into {home}/models" in printed[1]


def test_your_own_checksums(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 64}  {FILE}\n")
    arguments = ["--checksums", str(tmp_path / "sums")]
    assert main(["zoo", "fetch", LINE, "--mirror", str(folder), *arguments]) == 1
    assert f"expected sha256:{'0' * 64}" in capsys.readouterr().out


def test_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "verify"]) == 0
    assert "there are no weights of the zoo in" in capsys.readouterr().out
    assert main(["zoo", "verify", "vgg16"]) == 1
    assert "absent" in capsys.readouterr().out


def test_what_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "fetch"]) == 1
    assert "nothing to fetch is named" in capsys.readouterr().err
    assert main(["zoo", "show", "resnet5"]) == 1
    assert "near matches: resnet50" in capsys.readouterr().err
