"""What the SDK's types tell mypy in a user's program."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAM = Path(__file__).with_name("user_program.py")
WRONG = {
    'client.predict("m", ROWS, layers="a"), Array)': 'client.predict("m", ROWS, layer="a"), Array)',
    'compression="gzip"': 'compression="lzma"',
    'client.is_ready("m"), bool)': 'client.is_ready("m"), int)',
}


def test_a_users_program_is_typed_throughout(tmp_path):
    """mypy --strict finds nothing in it, and each mistake that is put in; nowhere near this repository."""
    wrong = right = PROGRAM.read_text()
    for true, mistaken in WRONG.items():
        wrong = wrong.replace(true, mistaken, 1)
    (tmp_path / "right.py").write_text(right)
    (tmp_path / "wrong.py").write_text(wrong)
    roots = find_spec("horngate").submodule_search_locations
    environment = os.environ | {"MYPYPATH": os.pathsep.join(str(Path(root).parent) for root in roots)}
    # Horngate's packages lie in folders of their own here; in a wheel they are one.
    options = ["--strict", "--namespace-packages", "--explicit-package-bases", "--cache-dir", "cache"]
    command = [sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"]
    found = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    errors = [line for line in found.stdout.splitlines() if "error:" in line]
    lines = {int(line.split(":")[1]) for line in errors}
    assert all(line.startswith("wrong.py:") for line in errors), found.stdout
    expected = {wrong[: wrong.index(mistaken)].count("\n") + 1 for mistaken in WRONG.values()}
    assert lines == expected, found.stdout


def test_the_packages_say_that_they_are_typed():
    for root in find_spec("horngate.client").submodule_search_locations:
        assert (Path(root) / "py.typed").exists()
