"""Disks that are full, artifacts that are damaged, model files that come and go and are half there."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from horngate.client import Client
from tests.chaos.conftest import RECOVERY_S, Begin, Scene, replaced, state
from tests.integration.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
SIZE_MIB = 48


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take what is left of a file system."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk(
    begin: Begin, small_disk: Path, saved_models: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the artifact cache and all that the server writes besides."""
    monkeypatch.setenv("TMPDIR", str(small_disk))
    scene = begin(cache=small_disk / "cache")
    with scene.done("the disk full, a model added, a worker killed"), Client(scene.server.grpc) as client:
        filler = fill(small_disk)
        shutil.copy(saved_models[0] / "convolutional.h5", scene.folder)
        until(lambda: state(client, "convolutional")[0] == "UNAVAILABLE", RECOVERY_S)
        assert "space" in state(client, "convolutional")[1]
        kill_worker(scene)
        begun_s = time.monotonic()
        until(lambda: scene.load.answered_since(begun_s) > 10, RECOVERY_S)
        filler.unlink()
        os.utime(scene.folder / "convolutional.h5")
        until(lambda: state(client, "convolutional")[0] == "READY", RECOVERY_S)


def kill_worker(scene: Scene) -> None:
    pid = scene.pid("worker onnx")
    os.kill(pid, signal.SIGKILL)
    replaced(scene, "worker onnx", pid)


@pytest.mark.parametrize("damage", ["cut short", "overwritten", "removed"])
def test_a_damaged_artifact(begin: Begin, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    scene = begin(cache=cache)
    with scene.done(f"every file of the artifact {damage}, a worker killed"):
        for file in [path for path in cache.rglob("*") if path.is_file()]:
            spoil(file, damage)
        kill_worker(scene)


def spoil(file: Path, damage: str) -> None:
    if damage == "removed":
        file.unlink()
    elif damage == "cut short":
        os.truncate(file, file.stat().st_size // 2)
    else:
        with file.open("r+b") as opened:
            opened.write(os.urandom(file.stat().st_size))


def test_model_files_come_and_go(begin: Begin, saved_models: tuple[Path, dict[str, Any]]) -> None:
    scene = begin()
    source = (saved_models[0] / "convolutional.h5").read_bytes()
    there = scene.folder / "convolutional.h5"
    with Client(scene.server.grpc) as client:
        with scene.done("another model's file written slowly, then whole"):
            with there.open("wb") as file:
                for part in range(0, len(source), len(source) // 8 + 1):
                    file.write(source[part : part + len(source) // 8 + 1])
                    file.flush()
                    time.sleep(0.4)
            until(lambda: state(client, "convolutional")[0] == "READY", RECOVERY_S)
        with scene.done("that file cut in half"):
            os.truncate(there, len(source) // 2)
            until(lambda: state(client, "convolutional")[1], RECOVERY_S)
        with scene.done("that file deleted"):
            there.unlink()
            until(lambda: state(client, "convolutional") == ("", ""), RECOVERY_S)
        with scene.done("the asked model's own file replaced by half of it, and mended"):
            own = scene.folder / "dense.h5"
            whole = own.read_bytes()
            own.write_bytes(whole[: len(whole) // 2])
            time.sleep(10)
            own.write_bytes(whole)
            until(lambda: state(client, "dense") == ("READY", ""), RECOVERY_S)
