"""The interpreter, and the packages that Horngate's parts need."""

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from horngate.cli.doctor.finding import Finding, State

AREA = "Python"
SPARED = ("openvino",)
"""What a server does without: on a machine whose GPU JAX computes on it may well be left out."""

OLDEST = (3, 11)
_SHOWN = (
    "keras",
    "h5py",
    "numpy",
    "grpcio",
    "protobuf",
    "onnx",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
)


def python_findings() -> Iterator[Finding]:
    """Where and what Python is, and which packages are missing."""
    there = "a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    yield Finding(
        area=AREA,
        name="interpreter",
        found=f"{platform.python_version()} at {sys.executable} ({there}), {platform.platform()}",
        state=State.OK if sys.version_info >= OLDEST else State.FAULT,
        remedy="" if sys.version_info >= OLDEST else "Horngate needs Python 3.11 or newer",
    )
    yield Finding(area=AREA, name="horngate", found=installed("horngate") or "not installed")
    known = {name: installed(name) for name in _SHOWN}
    told = ", ".join(f"{name} {number}" for name, number in known.items() if number)
    yield Finding(area=AREA, name="packages", found=told or "none of those that a server needs")
    for extra in ("server", "training"):
        yield _extra(extra)


def installed(package: str) -> str:
    """A package's version, "" if it is not there. Nothing of it is imported."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _extra(extra: str) -> Finding:
    missing = [name for name in _needed(extra) if not installed(name)]
    if not missing:
        return Finding(area=AREA, name=f"horngate[{extra}]", found="complete")
    is_needed = extra == "server" and not set(missing) <= set(SPARED)
    state = State.FAULT if is_needed else State.WARNING
    return Finding(
        area=AREA,
        name=f"horngate[{extra}]",
        found=f"{', '.join(missing)} missing",
        state=state,
        remedy=f"pip install 'horngate[{extra}]'",
    )


def _needed(extra: str) -> Iterator[str]:
    """What the extra asks for on this machine. Another build of TensorFlow does as well."""
    for line in requires("horngate") or ():
        wanted, _, marker = line.partition(";")
        if f'extra == "{extra}"' not in marker.replace("'", '"') or "sys_platform" in marker:
            continue
        yield re.split(r"[\s<>=!~\[(]", wanted.strip(), maxsplit=1)[0]
    if not any(installed(name) for name in ("tensorflow", "tensorflow-cpu", "jax", "torch")):
        yield "tensorflow"
