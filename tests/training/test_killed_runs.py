"""A run killed at any moment and gone on with gives the same bytes as one that never was."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("killed_runs.py")


def both_runs(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), str(folder), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("kills", "seed"),
    [(3, 1), pytest.param(20, 2, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_a_killed_run_ends_with_the_same_bytes(kills, seed, tmp_path):
    found = both_runs(tmp_path, kills, seed)
    assert found["killed"] == found["whole"]
    assert len(found["kills"]) == kills
    # The kills did cost work, and the last run did not begin from the first step.
    assert found["steps"] < sum(found["kills"]) + found["last"]
    assert found["last"] < found["steps"]
