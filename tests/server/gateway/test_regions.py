"""Regions that several gateways of one server know, whatever callers name them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from horngate.contract.errors import InvalidRequest, NotFound
from horngate.server.gateway.regions import MEMORY, Memory, Place, Region, Regions

SIZE = 64


@pytest.fixture
def key() -> Iterator[str]:
    path = MEMORY / f"horngate-test-regions-{os.getpid()}"
    path.write_bytes(bytes(SIZE))
    yield path.name
    path.unlink()


def region(name: str, key: str) -> Region:
    return Region(name=name, key=key, offset=0, byte_size=SIZE)


@pytest.mark.parametrize("name", [".", "..", "/", "a/b", "字" * 80])
def test_any_name_of_80_characters_will_do(tmp_path: Path, key: str, name: str) -> None:
    regions = Regions(tmp_path / "regions")
    for _ in range(2):
        with pytest.raises(NotFound):
            regions.named(name)
        regions.register(region(name, key))
        assert regions.named(name).key == key
        assert [each.name for each in regions.all()] == [name]
        regions.unregister(name)


@pytest.mark.parametrize("name", ["", "x" * 81])
def test_no_region_is_called_that(tmp_path: Path, key: str, name: str) -> None:
    regions = Regions(tmp_path / "regions")
    with pytest.raises(NotFound):
        regions.place("input 'x'", name, 0, 1)
    with pytest.raises(InvalidRequest, match="expected 1 to 80"):
        regions.register(region(name, key))


def test_memory_that_another_gateway_was_told_to_forget_is_let_go(tmp_path: Path, key: str) -> None:
    told, other = Regions(tmp_path / "regions"), Regions(tmp_path / "regions")
    told.register(region("kept", key))
    kept = other.place("input 'x'", "kept", 0, 1)
    before = held(key)
    for number in range(5):
        told.register(region(f"passing-{number}", key))
        other.place("input 'x'", f"passing-{number}", 0, 1)
        told.unregister(f"passing-{number}")
        other.sweep()
    assert held(key) == before
    assert kept.read() == b"\0"


def held(key: str) -> int:
    """How often this process has a file of shared memory open."""
    links = (os.path.realpath(link) for link in Path("/proc/self/fd").iterdir())
    return sum(link == str(MEMORY / key) for link in links)


def test_an_output_that_the_memory_does_not_take_is_told(key: str) -> None:
    place = Place(region=region("full", key), offset=0, byte_size=SIZE, memory=Memory(MEMORY / key))
    # Like a full file system, what can only be read takes nothing.
    read_only = os.open(MEMORY / key, os.O_RDONLY)
    os.dup2(read_only, place.memory.fileno())
    os.close(read_only)
    with pytest.raises(InvalidRequest, match="'full' takes no output 'y'"):
        place.write(b"1", "y")
