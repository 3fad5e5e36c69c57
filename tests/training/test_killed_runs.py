"""A run killed at any moment and gone on with gives the same bytes as one that never was."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SLOW = [pytest.mark.slow, pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).with_name("killed_runs.py")


def both_runs(folder: Path, kills: int, seed: int, backend: str) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), str(folder), str(kills), str(seed)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("kills", "seed", "backend"),
    [
        (3, 1, "tensorflow"),
        pytest.param(20, 2, "tensorflow", marks=SLOW),
        pytest.param(3, 3, "jax", marks=SLOW),
    ],
)
def test_a_killed_run_ends_with_the_same_bytes(kills, seed, backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    found = both_runs(tmp_path, kills, seed, backend)
    assert found["killed"] == found["whole"]
    assert len(found["kills"]) == kills
    # The kills did cost work, and the last run did not begin from the first step.
    assert found["steps"] < sum(found["kills"]) + found["last"]
    assert found["last"] < found["steps"]
