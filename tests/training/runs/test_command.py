"""`horngate train` and `horngate runs`, as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest

from horngate.cli.main import main
from horngate.training.runs import RunFolder, Status, standing
from horngate.training.runs.curves import drawn

RECIPE = """\
[model]
source = "command_networks:network"

[data]
source = "rows.npz"

[compile]
optimizer = "adam"
loss = "mse"

[fit]
epochs = 2
validation_split = 0.5

[publish]
repository = "models"
name = "line"
gate = "loss"
margin = 1e9
"""
NETWORK = """\
import keras


def network():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a recipe and what it names."""
    (tmp_path / "line.toml").write_text(RECIPE)
    (tmp_path / "command_networks.py").write_text(NETWORK)
    np.savez(tmp_path / "rows.npz", x=np.eye(8, 2), y=np.ones((8, 1)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    return tmp_path


def test_train_then_look(folder, capsys):
    assert main(["train", "line.toml", "--check"]) == 0
    assert not (folder / "runs").exists()
    assert main(["train", "line.toml", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "trained runs/line/model.h5\npublished models/line/1/model.h5\n" in out.replace(f"{folder}/", "")
    assert (folder / "runs/line/recipe.toml").read_text() == RECIPE

    assert main(["train", "line.toml"]) == 1
    assert "never overwrites another" in capsys.readouterr().err
    assert (
        main(["train", "line.toml", "--run", "runs/again", "--quiet"]) == 0
    )  # the same bytes: published already
    assert not (folder / "models/line/2").exists()

    (folder / "line.toml").write_text("seed = 1\n" + RECIPE)
    assert main(["train", "line.toml", "--run", "runs/other", "--quiet"]) == 3
    assert "not published: loss is" in capsys.readouterr().out
    publication = json.loads((folder / "runs/other/publication.json").read_text())
    assert publication["path"] is None
    assert publication["before"] > 0

    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert out.count("finished") == 3
    assert main(["runs", "show", "runs/line", "--png", "line.png"]) == 0
    out = capsys.readouterr().out
    assert "line: finished, epoch 2 of 2" in out
    assert "val_loss" in out
    assert (folder / "line.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "list", "none"], "there is no folder none"),
        (["runs", "list", "."], "there are no runs in ."),
        (["runs", "show", "."], "is no run's folder"),
        (["train", "none.toml"], "none.toml"),
    ],
)
def test_what_is_not_there_is_told(folder, arguments, message, capsys):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.held():
        Status(state="running").write(folder)
        assert standing(folder).state == "running"
    assert standing(folder).state == "interrupted"


def test_curves_rise_and_fall_in_their_frame():
    lines = drawn({"loss": [0.0, 1.0], "val_loss": [1.0, float("nan"), 1.0]}, width=10, height=4)
    assert [len(line) for line in lines] == [22, *[len(line) for line in lines[1:]]]
    assert lines[0].startswith("         1 │")
    assert lines[3].startswith("         0 │")
    assert lines[3][12] != "\u2800"
    assert lines[0][-1] != "\u2800"
    assert len(drawn({}, height=4)) == 4
