"""KServe's runtime as its container starts it: what is below /mnt/models is served under the service's name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from horngate.client import Client
from tests.deploy.monitoring import DEPLOY
from tests.integration.processes import until

FIXTURE = Path(__file__).parents[1] / "fixtures" / "keras" / "k122_tf" / "seq_dense"
[CONTAINER] = yaml.safe_load((DEPLOY / "kserve" / "serving-runtime.yaml").read_text())["spec"]["containers"]


def start(place: Path, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """Run the container's command on `place`, with a `horngate` that tells what it was asked to serve."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "horngate").write_text('#!/bin/sh\necho "$@"; cd "$2"; find -L . -type f | sort\n')
    (tools / "horngate").chmod(0o755)
    script, name, _, *flags = CONTAINER["args"]
    script = script.replace("/tmp/models", str(tmp_path / "served"))
    return subprocess.run(
        [*CONTAINER["command"], script, name, place, *flags],
        env={"PATH": f"{tools}:{os.environ['PATH']}", "NAME": "churn"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("files", "served"),
    [
        (["model-of-may.h5"], ["./churn.h5"]),
        (["some.keras", "README.md"], ["./churn.keras"]),
        (["1/model.h5", "2/model.h5"], ["./churn/1/model.h5", "./churn/2/model.h5"]),
        (["1/model.keras", "model.toml"], ["./churn/1/model.keras", "./churn/model.toml"]),
    ],
)
def test_what_kserve_fetched_is_served_under_the_services_name(
    tmp_path: Path, files: list[str], served: list[str]
) -> None:
    place = tmp_path / "fetched"
    for file in files:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).touch()
    done = start(place, tmp_path)
    asked, *found = done.stdout.splitlines()
    assert asked == f"serve {tmp_path}/served --cache /tmp/cache --host 0.0.0.0"
    assert (found, done.stderr, done.returncode) == (served, "", 0)


def test_of_several_files_none_is_taken_at_random(tmp_path: Path) -> None:
    place = tmp_path / "fetched"
    place.mkdir()
    for name in ("a.h5", "b.keras"):
        (place / name).touch()
    done = start(place, tmp_path)
    assert done.returncode == 1
    assert f"below {place} are several files; expected one, or folders of versions" in done.stderr


@pytest.mark.slow
def test_a_file_that_kserve_fetched_is_answered_for(tmp_path: Path) -> None:
    place, ready = tmp_path / "fetched", tmp_path / "ready.json"
    place.mkdir()
    shutil.copyfile(FIXTURE.with_suffix(".h5"), place / "anything.h5")
    script = CONTAINER["args"][0].replace("/tmp/", f"{tmp_path}/")
    ports = "--host 127.0.0.1 --grpc-port 0 --http-port 0 --metrics-port 0".split()
    command = [*CONTAINER["command"], script, "horngate", place, *ports, "--ready-file", ready]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(command, env={**os.environ, "PATH": path, "NAME": "churn"}) as server:
        try:
            until(ready.exists, 120)
            stored = np.load(FIXTURE.with_suffix(".npz"))
            with Client(json.loads(ready.read_text())["grpc"]) as client:
                answer = client.predict("churn", stored["x0"], timeout=60)
            np.testing.assert_allclose(answer, stored["y0"], atol=1e-5)
        finally:
            server.terminate()
    assert server.returncode == 0
