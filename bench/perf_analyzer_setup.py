"""NVIDIA's perf_analyzer made to run here: `python bench/perf_analyzer_setup.py` prints the command that starts it.

PyPI's wheels of it hold a program for glibc 2.38. Where the machine's is older (Debian 12), the libraries that it
needs are taken from Debian 13's packages, from the mirror that the machine's own apt is set up with, and lie in
`bench/out/perf_analyzer` beside it; nothing is installed, and nothing else sees them.
"""

import ctypes
import platform
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent / "out" / "perf_analyzer"
VERSION = "2.60.0"
NEEDS_GLIBC = (2, 38)
SUITE = "trixie"
LIBRARIES = ("libc6", "libstdc++6", "libgcc-s1", "libssl3t64", "zlib1g", "libzstd1")
_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PROGRAM = "perf_analyzer/bin/perf_analyzer"


def command() -> list[str]:
    """What to put before perf_analyzer's arguments; fetches it first if it is not there."""
    program = HERE / VERSION / _PROGRAM
    if not program.exists():
        _fetch_program(program)
    if _glibc() >= NEEDS_GLIBC:
        return [str(program)]
    root = HERE / SUITE
    if not root.exists():
        _fetch_libraries(root)
    folder = root / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    [loader] = folder.glob("ld-linux-*.so.*")
    return [str(loader), "--library-path", str(folder), str(program)]


def _fetch_program(program: Path) -> None:
    """Download and unpack: pip installs no wheel for a newer glibc, and without a platform finds an empty 0.1.0."""
    wanted = f"manylinux_{NEEDS_GLIBC[0]}_{NEEDS_GLIBC[1]}_{platform.machine()}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--platform", wanted, "--dest", str(HERE), f"perf-analyzer=={VERSION}"], check=True)
    [wheel] = HERE.glob(f"perf_analyzer-{VERSION}-*.whl")
    zipfile.ZipFile(wheel).extract(_PROGRAM, HERE / VERSION)
    program.chmod(0o755)


def _fetch_libraries(root: Path) -> None:
    """Through apt, with lists, keys and a cache of its own: the machine's are left as they are."""
    apt, packages = HERE / "apt", HERE / "apt" / "packages"
    for folder in (packages, apt / "lists" / "partial", apt / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYS}] {_mirror()} {SUITE} main\n")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list", "Dir::Etc::sourceparts": "-", "Dir::Cache": apt / "cache",
        "Dir::State::lists": apt / "lists", "Dir::State::status": apt / "status", "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }  # fmt: skip
    apt_get = ["apt-get", "-qq", *(f"--option={name}={value}" for name, value in options.items())]
    subprocess.run([*apt_get, "update"], check=True)
    subprocess.run([*apt_get, "download", *LIBRARIES], check=True, cwd=packages)
    unpacked = apt / "unpacked"
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(unpacked)], check=True)
    unpacked.rename(root)


def _mirror() -> str:
    """The address of Debian's packages that this machine's apt has, in either form of its files."""
    for text in _sources():
        for pattern in (r"^deb (?:\[[^]]*\] )?(\S+/debian/?) ", r"^URIs: (\S+/debian/?)\s*$"):
            found = re.search(pattern, text, re.MULTILINE)
            if found:
                return found[1]
    raise SystemExit(
        f"no Debian mirror in {' or '.join(map(str, _SOURCES))}; perf_analyzer needs one, or glibc 2.38"
    )


def _sources() -> Iterator[str]:
    one, folder = _SOURCES
    for path in (one, *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))):
        if path.is_file():
            yield path.read_text()


def _glibc() -> tuple[int, ...]:
    version = ctypes.CDLL(None).gnu_get_libc_version
    version.restype = ctypes.c_char_p
    return tuple(map(int, version().decode().split(".")[:2]))


if __name__ == "__main__":
    print(shlex.join(command()))
