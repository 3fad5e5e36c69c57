"""Published weights for a server, fetched by a process of their own."""

import asyncio
import fcntl
import threading
from pathlib import Path

import h5py
import pytest

from horngate.contract.errors import LoadError
from horngate.server.artifact import SourceHashes
from horngate.server.supervisor.published import PublishedWeights
from horngate.zoo.registry import read_choice
from horngate.zoo.weights import Supply, checksum
from horngate.zoo.weights.cache import beside
from tests.zoo.weights.place import falls_silent, place

CHOICE = read_choice("resnet50")
NAME = CHOICE.published.name


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / NAME, "w") as file:
        file["numbers"] = list(range(100_000))
    return tmp_path / NAME


def weights(tmp_path: Path, supply: Supply) -> PublishedWeights:
    return PublishedWeights(supply, SourceHashes(tmp_path / "sources.json"))


def test_a_file_is_fetched_and_its_progress_told(source: Path, home: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with place({NAME: source.read_bytes()}) as there:
        supply = Supply(mirror=there.url, pins={NAME: checksum(source)})
        path = asyncio.run(weights(tmp_path, supply).file(CHOICE, told.append))
    assert path == home / "models" / NAME
    assert path.read_bytes() == source.read_bytes()
    assert told[0] == "looking for its published weights"
    assert told[-1].startswith("fetching its weights: 80")


def test_why_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        LoadError, match=r"fetching is forbidden .offline.; run `horngate zoo fetch resnet50`"
    ):
        asyncio.run(weights(tmp_path, Supply(offline=True)).file(CHOICE, lambda _: None))


def test_what_they_are_is_known_before_they_are_here(tmp_path: Path) -> None:
    identity = asyncio.run(weights(tmp_path, Supply(offline=True)).identity(CHOICE, lambda _: None))
    assert identity == CHOICE.published.checksum


def test_a_fetch_that_nobody_waits_for_ends(source: Path, home: Path, tmp_path: Path) -> None:
    """What came is kept, and the lock is free: its process is gone."""
    done = threading.Event()
    partial = beside(home / "models" / NAME, "part")

    async def cancelled(supply: Supply) -> None:
        task = asyncio.ensure_future(weights(tmp_path, supply).file(CHOICE, lambda _: None))
        async with asyncio.timeout(60):
            while not partial.exists() or partial.stat().st_size < 250_000:
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with place({NAME: source.read_bytes()}, falls_silent(300_000, done)) as there:
        asyncio.run(cancelled(Supply(mirror=there.url, pins={NAME: checksum(source)})))
        done.set()
    assert 250_000 <= partial.stat().st_size <= 300_000
    with beside(home / "models" / NAME, "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
