"""One build of the distribution for all tests here, from a copy, so that the working tree stays clean."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "dist", "out", ".hypothesis")


@dataclass(frozen=True, kw_only=True)
class Built:
    """A release's files, the wheel that its sdist gives, and the tree all were made of."""

    tree: Path
    wheel: Path
    sdist: Path
    wheel_from_sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheel and sdist of the working tree, and the wheel built again from the sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    shutil.copytree(REPOSITORY, source, ignore=IGNORED)
    for command, target in ((["--wheel"], "direct"), ([], "through-sdist")):
        build = [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            *command,
            "--outdir",
            folder / target,
            source,
        ]
        subprocess.run(build, check=True, capture_output=True)
    [wheel], [sdist] = (folder / "direct").glob("*.whl"), (folder / "through-sdist").glob("*.tar.gz")
    [wheel_from_sdist] = (folder / "through-sdist").glob("*.whl")
    return Built(tree=source, wheel=wheel, sdist=sdist, wheel_from_sdist=wheel_from_sdist)


@pytest.fixture
def clean_python(tmp_path: Path) -> Path:
    """The Python of a new virtual environment that holds nothing, not even pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    return tmp_path / "venv" / "bin" / "python"


@pytest.fixture
def install():
    """Install into another Python's environment with this environment's pip."""

    def run(python: Path, *arguments: str | Path) -> None:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "--disable-pip-version-check",
            "install",
            "-q",
        ]
        subprocess.run([*pip, *arguments], check=True, capture_output=True, text=True)

    return run
