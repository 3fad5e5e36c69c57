"""What a release holds and asks for: all five roots, no tests, and by default only what the client needs."""

import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOTS = ("proto", "server", "zoo", "client", "training")


def sources(tree: Path) -> set[str]:
    """Every file under the roots' `horngate/`, as a wheel names it."""
    return {
        path.relative_to(tree / root).as_posix()
        for root in ROOTS
        for path in (tree / root / "horngate").rglob("*")
        if path.is_file()
    }


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path):
    [text] = [data for name, data in contents(wheel).items() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(text.decode())


def test_the_wheel_holds_every_source_file_and_nothing_else(built):
    packaged = {name for name in contents(built.wheel) if ".dist-info/" not in name}
    assert packaged == sources(built.tree)


@pytest.mark.parametrize("package", ["contract", "oip", "v1", "server", "zoo", "client", "training", "cli"])
def test_the_wheel_holds_each_package(built, package):
    assert f"horngate/{package}/__init__.py" in contents(built.wheel)


def test_the_sdist_gives_the_same_wheel(built):
    direct, through = contents(built.wheel), contents(built.wheel_from_sdist)
    assert direct == through


def test_the_sdist_holds_tests_licence_and_no_leftovers(built):
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "tests/packaging/test_distribution.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", "dist"))]


def test_without_an_extra_only_the_clients_needs_are_installed(built):
    requirements = [Requirement(text) for text in metadata(built.wheel).get_all("Requires-Dist")]
    bare = {need.name for need in requirements if need.marker is None or need.marker.evaluate({"extra": ""})}
    assert bare == {"numpy", "grpcio", "protobuf"}


def test_the_extras_are_those_of_the_design(built):
    extras = set(metadata(built.wheel).get_all("Provides-Extra"))
    assert {"server", "training", "gpu", "dev"} <= extras


def test_the_licence_travels_along(built):
    assert metadata(built.wheel)["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in contents(built.wheel))


@pytest.mark.parametrize("kind", ["wheel", "wheel_from_sdist"])
def test_installed_alone_it_adds_horngate_and_nothing_beside_it(built, clean_python, install, kind):
    install(clean_python, "--no-deps", "--no-index", getattr(built, kind))
    listing = "import sysconfig, os; print(*os.listdir(sysconfig.get_path('purelib')))"
    top_level = subprocess.check_output([clean_python, "-c", listing], text=True).split()
    assert {name for name in top_level if not name.endswith(".dist-info")} == {"horngate"}
    assert (clean_python.parent / "horngate").exists()
    subprocess.run([clean_python, "-c", "import horngate.contract.errors, horngate.cli"], check=True)
