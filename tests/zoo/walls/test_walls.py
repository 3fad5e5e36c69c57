"""What a process behind the walls can no longer do, tried from inside."""

import json
import subprocess
import sys

import pytest

from horngate.zoo.walls.standing import standing_walls

INSIDE = """
import json, os, resource, signal, socket, subprocess, sys, threading
from pathlib import Path
from horngate.zoo.walls import limit, raise_walls

own, other, told = Path(sys.argv[1]), Path(sys.argv[2]), {}
limit(memory_bytes=256 << 20, cpu_s=60)
walls = raise_walls(readable=[], writable=[own])

def attempt(name, act):
    try:
        act()
        told[name] = "done"
    except (OSError, MemoryError) as error:
        told[name] = type(error).__name__

def grow():
    with (own / "large").open("wb") as file:
        file.truncate(1 << 30)

attempt("internet", lambda: socket.socket(socket.AF_INET))
attempt("internet 6", lambda: socket.socket(socket.AF_INET6))
attempt("unix socket", lambda: socket.socket(socket.AF_UNIX))
attempt("program", lambda: subprocess.run(["/bin/true"]))
attempt("fork", os.fork)
attempt("signal parent", lambda: os.kill(os.getppid(), signal.SIGTERM))
attempt("limit parent", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)))
attempt("read secret", (other / "secret").read_bytes)
attempt("read shadow", lambda: Path("/etc/shadow").read_bytes())
attempt("list folder", lambda: os.listdir(other))
attempt("write outside", lambda: (other / "mark").write_text("here"))
attempt("remove outside", (other / "secret").unlink)
attempt("change mode", lambda: os.chmod(other / "secret", 0o777))
attempt("parent's environment", lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes())
attempt("memory", lambda: bytearray(512 << 20))
attempt("large file", grow)
attempt("own folder", lambda: (own / "file").write_text("mine"))
attempt("thread", lambda: threading.Thread(target=lambda: None).start())
attempt("standard library", lambda: __import__("wave"))
print(json.dumps([walls.to_json(), told]))
"""

ALLOWED = ("own folder", "thread", "standard library")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """Which walls stand, and what came of each attempt."""
    own, other = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("other")
    (other / "secret").write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, str(own), str(other)], capture_output=True, text=True, check=True
    )
    walls, told = json.loads(done.stdout)
    assert (other / "secret").read_text() == "secret"
    return walls, told


def test_every_attempt_to_reach_out_fails_and_the_work_goes_on(tried):
    walls, told = tried
    if set(walls.values()) != {"stands"}:
        pytest.skip(f"this kernel does not offer every wall: {walls}")
    assert {name for name, outcome in told.items() if outcome == "done"} == set(ALLOWED)
    assert told["memory"] == "MemoryError"
    assert told["internet"] == "PermissionError"


def test_the_limits_stand_on_every_kernel(tried):
    _, told = tried
    assert told["memory"] == "MemoryError"
    assert told["large file"] == "OSError"


def test_the_walls_of_this_machine_are_told_without_raising_them_here(tried, tmp_path):
    assert standing_walls() == tried[0]
    (tmp_path / "file").write_text("still writable")
