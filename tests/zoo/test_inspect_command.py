"""`horngate inspect`, as a person and as a program reads it."""

import argparse
import json
import subprocess
import sys

import pytest

from horngate.zoo import inspect_command


def run(*arguments):
    parser = argparse.ArgumentParser()
    inspect_command.add_arguments(parser)
    return inspect_command.run(parser.parse_args([str(one) for one in arguments]))


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_a_model(name, saved, small, capsys):
    assert run(saved / name) == 0
    told = capsys.readouterr().out
    assert f"parameters  {small.count_params():,}" in told
    assert "written by  Keras 3" in told
    assert "architecture, weights, optimizer state, training configuration" in told
    assert "input       a  float32 (rows, 4)" in told
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line.strip()}
    assert rows["lstm"][1:2] == ["LSTM"]
    assert rows["lstm"][-1] == "160"
    assert rows["inner/first"][-1] == "15"


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_as_json(name, saved, small, capsys):
    assert run(saved / name, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == small.count_params()
    assert [one["name"] for one in told["inputs"]] == ["a", "b"]
    outermost = [layer for layer in told["layers"] if "/" not in layer["name"]]
    assert sum(layer["parameters"] for layer in outermost) == small.count_params()


def test_weights_alone(saved, small, capsys):
    assert run(saved / "small.weights.h5") == 0
    told = capsys.readouterr().out
    assert "HDF5 weights" in told
    assert f"parameters  {small.count_params():,}" in told


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_a_truncated_file(name, saved, tmp_path, capsys):
    whole = (saved / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert run(tmp_path / name) == 1
    assert "horngate inspect: " in capsys.readouterr().err


def test_another_file(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("notes")
    assert run(tmp_path / "notes.txt") == 1
    assert "expected a Keras model or weights" in capsys.readouterr().err


def test_neither_keras_nor_tensorflow_is_imported(saved):
    program = (
        "import sys; from horngate.zoo.inspection import inspect; from pathlib import Path; "
        "inspect(Path(sys.argv[1])); print(*{'keras', 'tensorflow', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, saved / "small.h5"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
