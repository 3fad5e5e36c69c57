"""`horngate inspect`, as a person and as a program reads it."""

import argparse
import io
import json
import re
import subprocess
import sys

import pytest

from horngate.zoo import inspect_command
from horngate.zoo.describe import describe
from horngate.zoo.inspection.apart import inspect_apart
from tests.zoo.safety.files import DENSE, GOOD, archive, hdf5, layer, sequential
from tests.zoo.safety.hostile import HOSTILE, left_behind


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
    assert rows["lstm"][-3:] == ["steps", "160", "280"]
    assert rows["inner/first"][-2:] == ["15", "12"]
    assert rows["both"][-4:] == ["inner,", "lstm", "0", "0"]


@pytest.mark.parametrize("name", ["small.h5", "small.keras"])
def test_as_json(name, saved, small, capsys):
    assert run(saved / name, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == small.count_params()
    assert [one["name"] for one in told["inputs"]] == ["a", "b"]
    outermost = [layer for layer in told["layers"] if "/" not in layer["name"]]
    assert sum(layer["parameters"] for layer in outermost) == small.count_params()
    described = {layer.name: layer for layer in describe(small).layers}
    for one in told["layers"]:
        known = described[one["name"]]
        assert (one["macs"], tuple(one["inputs"])) in ((known.macs, known.inputs), (None, ()))
    assert sum(one["macs"] is not None for one in told["layers"]) > len(described) / 2


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


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_an_architecture_alone(suffix, tmp_path, capsys):
    (tmp_path / f"model{suffix}").write_text(json.dumps(GOOD))
    assert run(tmp_path / f"model{suffix}") == 0
    told = capsys.readouterr().out
    assert f"{suffix[1:].upper()} architecture" in told
    assert "holds       architecture\n" in told
    assert "nothing unsafe was found" in told


def test_the_memory_is_told(tmp_path, capsys):
    assert run(hdf5(tmp_path / "model.h5"), "--json") == 0
    memory = json.loads(capsys.readouterr().out)["memory"]
    assert memory["weights_bytes"] == 15 * 4


@pytest.mark.parametrize(
    "name",
    ["lambda in HDF5", "external link", "virtual dataset", "hard link loop", "path traversal", "brackets"],
)
def test_what_is_unsafe_is_listed(name, tmp_path, capsys):
    write, message = HOSTILE[name]
    path = write(tmp_path)
    assert run(path) == 3
    told = capsys.readouterr().out
    assert "unsafe: a server refuses this file" in told
    assert re.search(message.replace("^", ""), told)
    assert run(path, "--json") == 3
    (finding, *_) = json.loads(capsys.readouterr().out)["unsafe"]
    assert set(finding) >= {"danger", "where", "what", "remedy"}
    assert not left_behind(tmp_path)


def test_a_file_that_no_process_survives_is_told_as_unsafe(tmp_path, monkeypatch):
    """The process that reads the file is a real one; what it runs crashes, or hangs, as libhdf5 does."""
    path = hdf5(tmp_path / "model.h5")
    fake = tmp_path / "python"
    for program, words in (
        ("kill -SEGV $$", r"crashes whoever reads it \(SIGSEGV\)"),
        ("sleep 60", "busy for more"),
    ):
        fake.write_text(f"#!/bin/sh\n{program}\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        (finding,) = inspect_apart(path, patience_s=1.0)["unsafe"]
        assert re.search(words, finding["what"])
        assert finding["danger"] == "crash"


def test_a_terminal_shows_it_within_its_width(saved, tmp_path):
    from rich.console import Console

    from horngate.zoo.inspection.screen import print_report

    write, _ = HOSTILE["lambda in .keras"]
    for path in (saved / "small.keras", write(tmp_path)):
        console = Console(width=80, record=True, force_terminal=True, file=io.StringIO())
        print_report(inspect_apart(path), console, terminal=True)
        lines = console.export_text().splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 80
        assert lines[0].startswith(path.name)


def test_names_of_the_file_are_no_markup(tmp_path, capsys):
    config = json.loads(json.dumps(GOOD).replace('"dense"', '"[red]dense[/red]"'))
    assert run(archive(tmp_path / "marked.keras", config)) == 0
    assert "[red]dense[/red]" in capsys.readouterr().out


def test_what_an_operator_allows_is_no_longer_unsafe(tmp_path, capsys):
    config = sequential(layer("Scale", "scale"), DENSE)
    path = hdf5(tmp_path / "custom.h5", config)
    assert run(path) == 3
    assert run(path, "--custom-objects", "mine:Scale") == 0
    write, _ = HOSTILE["lambda in HDF5"]
    assert run(write(tmp_path), "--allow-code") == 0
    assert "to be known" in capsys.readouterr().out
    assert not left_behind(tmp_path)
