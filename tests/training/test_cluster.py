"""A run on a Ray cluster is the run on one machine, whoever is lost on the way."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'horngate[ray]'")
def test_a_cluster_that_loses_workers_trains_as_one_machine_does(tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.training.cluster_run", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    # Ray writes lines of its own there, too.
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    alone = found.pop("alone")["history"]
    for name, run in found.items():
        for metric, values in run["history"].items():
            assert values == pytest.approx(alone[metric], rel=1e-4), (name, metric)
        assert run["distance"] < 1e-4, name
    assert found["unbroken"]["workers"] == [2]
    assert found["stopped"]["workers"] == [2, 2]
    assert [name for name, run in found.items() if run["stopped"]] == ["stopped"]
    assert found["killed"]["workers"][0] == 2
    assert len(found["killed"]["workers"]) > 1
    assert found["fewer"]["workers"] == [2, 1]
