"""`horngate export`, as it is typed."""

import keras
import onnx
import pytest
from keras import layers

from horngate.cli.main import main


@pytest.fixture
def file(tmp_path):
    keras.utils.set_random_seed(1)
    path = tmp_path / "churn.keras"
    keras.Sequential([keras.Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(1, name="last")]).save(
        path
    )
    return path


def test_several_files_at_once(file, capsys):
    folder = file.parent
    asked = ["--onnx", str(folder / "a.onnx"), "--outputs", "hidden,last", "--to"]
    status = main(["export", str(file), *asked, str(folder / "a.yaml"), str(folder / "a.weights.h5")])
    assert status == 0
    assert [one.name for one in onnx.load(folder / "a.onnx").graph.output] == ["hidden", "last"]
    printed = capsys.readouterr().out
    assert "differs from Keras by" in printed
    assert all(word in printed for word in ("onnx", "yaml", "weights", "hidden", "(rows, 3)"))
    assert sorted(one.name for one in folder.iterdir()) == ["a.onnx", "a.weights.h5", "a.yaml", "churn.keras"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "nothing to write is named; try --onnx FILE"),
        (["--to", "x.pdf"], "does not tell a format"),
        (["--to", "x.json", "--json", "x.json"], "is to be written twice"),
        (["--json", "x.json", "--outputs", "a"], "--outputs is for ONNX alone"),
        (["--json", "x.json", "--zoo-weights", "imagenet"], "--zoo-weights is for zoo:NAME"),
        (["--json", "x.json", "--custom-objects", "Layer"], "expected MODULE:NAME"),
        (["--json", "x.json", "--custom-objects", "no_such_module:Layer"], "cannot be imported"),
        (["--json", "x.json", "--custom-objects", "keras:NoSuch"], "has no 'NoSuch'"),
        (["--onnx", "x.onnx", "--outputs", "hiden"], "near matches: hidden"),
    ],
)
def test_wrong_requests_say_what_to_do(arguments, what, file, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert main(["export", str(file), *arguments]) == 1
    assert what in " ".join(capsys.readouterr().err.split())
    assert [one.name for one in file.parent.iterdir()] == ["churn.keras"]
