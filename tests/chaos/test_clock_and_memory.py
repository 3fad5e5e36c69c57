"""A clock that jumps, and memory that somebody else takes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.limits import Limit
from tests.chaos.conftest import Begin
from tests.integration.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
LIMIT_MIB = 1400
HOG = "held = []\nwhile True:\n    held.append(b'x' * (8 << 20))\n    print(flush=True)\n"


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what the clock of servers started from now on is ahead by, from Debian's libfaketime."""
    packages = tmp_path / "faketime"
    packages.mkdir()
    fetched = subprocess.run(
        ["apt-get", "-qq", "download", "libfaketime"], cwd=packages, capture_output=True, text=True
    )
    if fetched.returncode:
        pytest.skip(f"libfaketime is not to be had: {fetched.stderr.strip()[-200:]}")
    [package] = packages.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(packages)], check=True)
    [library] = packages.rglob("libfaketime.so.1")
    told = tmp_path / "clock"
    told.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(told))
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    # As a step of the clock by NTP or by hand does, it leaves the monotonic one alone.
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return told


def test_the_clock_jumps(begin: Begin, clock: Path) -> None:
    scene = begin()
    with scene.done("the clock put an hour ahead, two days back, and right again"):
        for ahead in ("+3600", "-172800", "+0"):
            clock.write_text(ahead)
            time.sleep(6)


@pytest.fixture
def limit() -> Iterator[Limit]:
    """A control group with too little memory for a server and a neighbour that takes all it can get."""
    made = Limit(LIMIT_MIB << 20)
    if made.group is None:
        pytest.skip("no control group can be made here")
    yield made
    made.remove()


def test_a_neighbour_takes_the_memory(begin: Begin, limit: Limit) -> None:
    with limit.inside():
        scene = begin()
    with scene.done("a neighbour that takes all memory of the control group, until the kernel kills"):
        with limit.inside():
            hog = subprocess.Popen([sys.executable, "-c", HOG], stdout=subprocess.PIPE)
        before = limit.kills()
        until(lambda: hog.stdout is not None and hog.stdout.readline() is not None and limit.kills() > before)
        hog.kill()
        hog.communicate()
        assert os.path.exists(f"/proc/{scene.server.pid}")
