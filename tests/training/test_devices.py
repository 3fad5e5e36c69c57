"""A run on two devices is the run on one, and states carry over from one to the other."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("devices_run.py")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_train_as_one_does(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "HORNGATE_VIRTUAL_DEVICES": "2", "KERAS_BACKEND": backend}
    command = [sys.executable, str(PROGRAM), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {f"{name} {rows}" for name in ("two", "both") for rows in (64, 77, 65)}
    for name, run in found.items():
        assert set(run["history"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        for metric, values in run["history"].items():
            assert values == pytest.approx(run["alone"][metric], rel=1e-5), (name, metric)
        assert run["distance"] < 1e-5, name
