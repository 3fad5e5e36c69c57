"""The example for Node: `@grpc/grpc-js` over the .proto files alone, fetched from the npm registry.

By itself: `python -m pytest tests/integration/test_node.py`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with what it needs, in a folder of its own."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(REPOSITORY / "examples" / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip(f"npm cannot install what the example needs: {installed.stderr[-200:]}")
    return folder / "ask.js"


def test_node_gets_keras_s_answers(served: Fixture, program: Path) -> None:
    model = served.models["dense"]
    [x] = inputs_for(model, rows=3, seed=4)
    told = ask(program, served.server.grpc, "dense", x.tolist())
    truth = model.predict(x, verbose=0)
    for way in ("unary", "tensorflow"):
        np.testing.assert_allclose(np.reshape(told[way], (3, 4)), truth, atol=1e-6)
    *answers, wrong = told["stream"]
    assert [answer["id"] for answer in answers] == ["row 0", "row 1", "row 2"]
    np.testing.assert_allclose([answer["values"] for answer in answers], truth, atol=1e-6)
    assert (wrong["id"], "no model 'nobody'" in wrong["error"]) == ("wrong", True)
    assert told["server"]["name"] == "horngate"
    assert told["model"]["inputs"] == [{"name": "input_layer", "datatype": "FP32", "shape": [-1, 12]}]
    assert told["shape"] == [3, 4]
    assert "hidden" in told["layers"]
    assert [refused["code"] for refused in told["refused"]] == ["NOT_FOUND", "INVALID_ARGUMENT"]
    assert "expected (rows, 12)" in told["refused"][1]["details"]


def ask(program: Path, address: str, model: str, rows: Any) -> Any:
    """What the example prints."""
    environment = {**os.environ, "HORNGATE_PROTO": str(REPOSITORY / "proto")}
    ran = subprocess.run(
        ["node", str(program), address, model],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
