import json

import numpy as np
import pytest

from horngate.cli.main import main
from horngate.oip import messages as oip


@pytest.fixture
def predict(server, capsys):
    """Run `horngate predict` against the server; its status, output and errors."""

    def run(*arguments):
        status = main(["predict", *arguments, "--server", server.address, "--timeout", "5"])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([[1, 2, 3, 4]]))
    return str(path)


def test_it_prints_each_output_and_says_how_long_it_took(predict, rows, server):
    status, out, err = predict("iris", rows)
    assert (status, out) == (0, "probs: float32 (1, 4)\n[[2. 4. 6. 8.]]\n")
    assert err.startswith(f"iris at {server.address} answered in ")


def test_layers_are_printed_instead_when_asked_for(predict, rows):
    status, out, _ = predict("iris", rows, "--layer", "hidden", "--layer", "wide")
    assert status == 0
    assert [line for line in out.splitlines() if ":" in line] == [
        "hidden: bool (1, 1)",
        "wide: float32 (1, 36)",
    ]


def test_outputs_are_saved_by_name(predict, rows, tmp_path):
    status, _, _ = predict("iris", rows, "--out", str(tmp_path / "out.npz"))
    assert status == 0
    with np.load(tmp_path / "out.npz") as saved:
        assert {name: array.tolist() for name, array in saved.items()} == {"probs": [[2, 4, 6, 8]]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.npz", "rows.json"]


def test_text_is_saved_in_a_form_that_loads_without_pickle(predict, tmp_path):
    (tmp_path / "words.json").write_text('["a", "b"]')
    assert predict("words", str(tmp_path / "words.json"), "--out", str(tmp_path / "out.npz"))[0] == 0
    with np.load(tmp_path / "out.npz") as saved:
        assert saved["loud"].tolist() == [b"A", b"B"]


def test_without_rows_it_lists_what_the_model_takes_and_offers(predict):
    status, out, _ = predict("iris")
    assert status == 0
    assert out.splitlines()[0] == "iris version 3: READY, onnxruntime on cpu"
    assert "  x  FP32  (rows, 4)" in out
    assert "  hidden  Dense  FP32  (rows, 4)  20 parameters  ? MACs  16 bytes a row" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope", "ROWS"], "no model 'nope'; served: iris"),
        (["iris", "ROWS", "--layer", "nope"], "has no output 'nope'"),
        (["iris", "/nope/rows.npy"], "'/nope/rows.npy' cannot be read: No such file or directory"),
        (["iris", "ROWS", "--out", "/nope/out.npz"], "'/nope/out.npz' cannot be written: No such file"),
    ],
)
def test_errors_go_to_stderr_with_status_1(predict, rows, arguments, message):
    status, _, err = predict(*(rows if argument == "ROWS" else argument for argument in arguments))
    assert status == 1
    assert message in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("horngate: ")


def test_the_training_phase_is_asked_for_with_its_seed(predict, rows, server):
    assert predict("iris", rows, "--training", "--seed", "7")[0] == 0
    parameters = oip.ModelInferRequest.FromString(server.sent[-1]).parameters
    assert (parameters["training"].bool_param, parameters["seed"].uint64_param) == (True, 7)
