"""`horngate demo`, the README's first command, as a person runs it: with its output in a pipe here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from horngate.cli.serving import serving
from horngate.contract.errors import Unavailable


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """The finished demo, its temporary files under a folder of ours."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "horngate.cli.main", "demo"]
    done = subprocess.run(command, env={"TMPDIR": str(folder)}, capture_output=True, text=True)
    assert not list(folder.glob("horngate-*")), "the demo left files behind"
    return done


def test_it_succeeds_and_stops_its_server(shown):
    assert shown.returncode == 0, shown.stderr
    assert "The server has stopped (exit code 0)" in shown.stdout


def test_it_says_nothing_on_standard_error(shown):
    assert shown.stderr == ""


def test_the_served_accuracy_is_keras_own(shown):
    served, own = re.search(r"accuracy served (\S+), Keras's own (\S+)", shown.stdout).groups()
    assert served == own
    assert float(own) > 0.95


def test_it_shows_a_layer_the_metrics_and_what_comes_next(shown):
    assert "the layer 'shapes', asked for by its name: (360, 4, 4, 32)" in shown.stdout
    assert re.search(r'horngate_requests_total\{code="OK",model="digits",version="1"\} \d+', shown.stdout)
    assert "horngate serve FOLDER" in shown.stdout


def test_a_server_that_cannot_start_says_why(tmp_path: Path):
    with (
        pytest.raises(Unavailable, match=r"(?s)exited with 1.*absent"),
        serving(tmp_path / "absent", workspace=tmp_path),
    ):
        pytest.fail("it started without a folder")
