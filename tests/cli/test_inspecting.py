"""What `horngate inspect` finds of a file in a server's cache."""

import argparse
import hashlib
import json
from pathlib import Path

import pytest

from horngate.cli import inspecting
from tests.zoo.safety.files import GOOD

CHOICE = {"engine": "openvino", "threads": 2, "placement": {}, "training": False}


def inspect(file: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> str:
    parser = argparse.ArgumentParser()
    inspecting.add_arguments(parser)
    assert inspecting.run(parser.parse_args([str(file), "--cache", str(cache)])) == 0
    return capsys.readouterr().out


def artifact(folder: Path, sha256: str) -> None:
    from horngate.server.agreement import Agreement
    from horngate.server.worker.calibration import Calibration, choice_read
    from horngate.server.worker.memory_model import MemoryModel

    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps({"source": {"sha256": sha256}, "precision": "bfloat16"}))
    found = Calibration(
        choice=choice_read(CHOICE),
        curve={1: 5.0},
        memory=MemoryModel(points=((1, 10), (2, 20)), row_bytes=10),
        program_bytes=1,
        agreement=Agreement(error=0.004, rows=64, top1=0.9844),
        compared={},
    )
    (folder / "calibration-0.json").write_text(json.dumps(found.to_json()))


def test_it_tells_how_near_to_keras_the_file_was_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, cache = tmp_path / "model.json", tmp_path / "cache"
    file.write_text(json.dumps(GOOD))
    cache.mkdir()
    assert "as it was served" not in inspect(file, cache, capsys)
    artifact(cache / "other", "of another file")
    artifact(cache / "own", hashlib.sha256(file.read_bytes()).hexdigest())
    told = inspect(file, cache, capsys)
    assert told.count("bfloat16, openvino (2 threads): differs from Keras by 4.0e-03") == 1
    assert "the same class for 98.4% on 64 rows" in " ".join(told.split())
