"""A run on two devices is the run on one, and states carry over from one to the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("devices_run.py")


@pytest.mark.slow
def test_two_devices_train_as_one_does(tmp_path):
    environment = {**os.environ, "HORNGATE_VIRTUAL_DEVICES": "2"}
    command = [sys.executable, str(PROGRAM), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("two", "both"):
        assert found[name]["losses"] == pytest.approx(found["one"], rel=1e-5), name
        assert found[name]["distance"] < 1e-5, name
    # A last batch of 13 rows is 7 and 6; it trains, and the loss goes on falling.
    first, second = found["uneven"]["losses"]
    assert second < first
