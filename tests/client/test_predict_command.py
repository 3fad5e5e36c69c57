import json

import h5py
import numpy as np
import pytest

from horngate.cli.main import main
from horngate.client import InternalError
from horngate.client.testing import FakeModel
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
        (["iris", "ROWS", "--out", "/nope/out.h5"], "'/nope/out.h5' cannot be written"),
        (
            ["iris", "ROWS", "--out", "out.csv"],
            "'out.csv' has no ending that is known; expected .npz, .npy, .json",
        ),
        (
            ["iris", "ROWS", "--out", "out.npy", "--outputs", "probs,wide"],
            "'out.npy' holds one array; expected",
        ),
        (["iris", "ROWS", "--rows", "7"], "received --rows 7; expected FROM:TO"),
        (["iris", "ROWS", "--rows", "5:"], "received no rows; expected one or more"),
        (["iris", "ROWS", "ROWS"], "received 2 files; expected one, or pictures, or --input for each input"),
        (["iris", "ROWS", "--input", "x=ROWS"], "and --input; expected one or the other"),
        (["iris", "--input", "nope"], "received --input 'nope'; expected NAME=FILE"),
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


@pytest.fixture
def hdf5(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"] = np.arange(40_000, dtype=np.float32).reshape(10_000, 4)
        file["b"] = np.arange(10_000)
    return tmp_path / "rows.h5"


def test_hdf5_to_hdf5_in_batches(predict, hdf5, tmp_path, server):
    out = tmp_path / "out.h5"
    arguments = ("--outputs", "probs,hidden", "--rows", "100:9000", "--batch-rows", "1000")
    status, printed, err = predict("iris", f"{hdf5}:x", "--out", str(out), *arguments)
    assert status == 0
    assert printed == f"probs: float32 (8900, 4) in {out}\nhidden: bool (8900, 1) in {out}\n"
    assert "answered 8,900 rows in" in err
    with h5py.File(out) as file, h5py.File(hdf5) as given:
        np.testing.assert_array_equal(file["probs"][:], given["x"][100:9000] * 2)
    assert server.calls.count("ModelInfer") == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "rows.h5"]


def test_what_fails_midway_leaves_no_file(predict, hdf5, tmp_path, server):
    server.script["ModelInfer"].extend([InternalError("the engine is on fire")] * 20)
    status, _, err = predict("iris", f"{hdf5}:x", "--out", str(tmp_path / "out.h5"))
    assert (status, err.splitlines()[-1]) == (1, "horngate: rows 0 to 1023: the engine is on fire")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.h5"]


def test_several_inputs_from_files_of_their_own(predict, hdf5, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((5, 2), np.float32))
    inputs = ("--input", f"a={tmp_path}/a.npy", "--input", f"b={hdf5}:b", "--rows", ":3", "--out", "-")
    status, out, _ = predict("pair", *inputs)
    assert (status, json.loads(out)) == (
        0,
        {"sum": [[1, 1], [2, 2], [3, 3]], "difference": [[1, 1], [0, 0], [-1, -1]]},
    )


@pytest.mark.parametrize("name", ["out.json", "-"])
def test_json_has_each_number_once_and_as_short_as_it_is(predict, tmp_path, name):
    (tmp_path / "rows.json").write_text("[[0.05, 1e30, NaN, 3]]")
    out = name if name == "-" else str(tmp_path / name)
    status, printed, err = predict("iris", str(tmp_path / "rows.json"), "--out", out, "--quiet")
    text = printed if name == "-" else (tmp_path / name).read_text()
    assert (status, text, err) == (0, '{"probs": [[0.1, 2e+30, null, 6.0]]}\n', "")


def test_one_array_as_npy(predict, rows, tmp_path):
    assert predict("iris", rows, "--out", str(tmp_path / "out.npy"))[0] == 0
    assert np.load(tmp_path / "out.npy").tolist() == [[2, 4, 6, 8]]


def test_texts_as_json_and_hdf5(predict, tmp_path):
    (tmp_path / "words.json").write_text('["a", "é"]')
    assert predict("words", str(tmp_path / "words.json"), "--out", "-")[1] == '{"loud": ["A", "\\u00e9"]}\n'
    assert predict("words", str(tmp_path / "words.json"), "--out", str(tmp_path / "out.h5"))[0] == 0
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["loud"][0] == b"A"


def test_several_pictures_and_the_best_classes_of_each(predict, tmp_path, server):
    server.models["pets"] = FakeModel(
        answer=lambda image: np.array([[0.25, 0.75] if b"cat" in file else [1, 0] for file in image]),
        inputs={"image": np.zeros((1, 8, 8, 3), np.float32)},
        labels=["dog", "cat"],
    )
    for name in ("cat", "dog"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff" + name.encode())
    files = [str(tmp_path / "cat"), str(tmp_path / "dog")]
    assert predict("pets", files[0], "--top", "1")[1] == "   0.7500  cat  (class 1)\n"
    assert predict("pets", *files, "--top", "1")[1] == (
        f"{files[0]}:\n   0.7500  cat  (class 1)\n{files[1]}:\n   1.0000  dog  (class 0)\n"
    )
    assert json.loads(predict("pets", *files, "--out", "-")[1]) == {"output": [[0.25, 0.75], [1, 0]]}
    status, _, err = predict("iris", files[0], "--out", "-")
    assert (status, "received a file or text; input 'x' takes FP32 (rows, 4)" in err) == (1, True)


def test_several_servers_may_be_named(rows, server, capsys):
    assert main(["predict", "iris", rows, "--server", f"127.0.0.1:1,{server.address}", "--gzip"]) == 0
    assert capsys.readouterr().out.startswith("probs: float32 (1, 4)")
