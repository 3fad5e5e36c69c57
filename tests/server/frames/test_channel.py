"""Frames and payloads between two ends of a real socket."""

import itertools
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from horngate.server.frames.arena import PAGE_BYTES, Arena, ArenaReader
from horngate.server.frames.channel import INLINE_BYTES, Channel, ChannelClosed, Frame
from tests.descriptors import only

Ends = tuple[Channel, Channel, Arena]


@pytest.fixture
def ends() -> Iterator[Ends]:
    left, right = socket.socketpair()
    arena = Arena(1 << 20)
    sender, receiver = Channel(left, arena), Channel(right)
    yield sender, receiver, arena
    sender.close()
    receiver.close()
    arena.close()


class Elsewhere:
    """See Source."""

    def __init__(self, contents: bytes) -> None:
        self._contents = contents
        self.byte_size = len(contents)

    def read(self) -> bytes:
        return self._contents

    def read_into(self, view: memoryview) -> None:
        view[:] = self.read()


class Gone(Elsewhere):
    def read(self) -> bytes:
        raise OSError("gone")


def exchange(sender: Channel, receiver: Channel) -> list[Frame]:
    """Flush and receive until everything has crossed, however small the socket's buffer."""
    frames: list[Frame] = []
    while not sender.flush():
        frames += receiver.receive()
    while arrived := receiver.receive():
        frames += arrived
    return frames


def test_frames_arrive_in_order_and_whole(ends: Ends) -> None:
    sender, receiver, _ = ends
    sent = [["small", 1], ["large", b"x" * 3_000_000], ["nested", [[1, None], {"a": 2.5}]]]
    for frame in sent:
        sender.send(frame)
    frames = []
    while len(frames) < len(sent):
        frames += exchange(sender, receiver)
    assert frames == sent


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES - 1, INLINE_BYTES, 300_000, 2_000_000])
def test_payloads_that_are_put_together_lie_one_behind_the_other(ends: Ends, size: int) -> None:
    sender, receiver, arena = ends
    parts = [os.urandom(size), os.urandom(size // 2), os.urandom(7)]
    sent = sender.put_together([parts[0], Elsewhere(parts[1]), memoryview(parts[2])])
    sender.send(["payload", sent])
    frames: list[Frame] = []
    while not frames:
        frames += exchange(sender, receiver)
    assert bytes(receiver.get(frames[0][1])) == b"".join(parts)
    sender.free(sent)
    assert arena.statistics().used_bytes == 0


def test_what_cannot_be_read_takes_no_memory(ends: Ends) -> None:
    sender, _, arena = ends
    with pytest.raises(OSError, match="gone"):
        sender.put_together([b"x" * INLINE_BYTES, Gone(b"y")])
    assert arena.statistics().used_bytes == 0


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES - 1, INLINE_BYTES, 300_000, 2_000_000])
def test_payloads_of_any_size_arrive(ends: Ends, size: int) -> None:
    sender, receiver, _ = ends
    payload = os.urandom(size)
    sender.send(["payload", sender.put(payload)])
    frames: list[Frame] = []
    while not frames:
        frames += exchange(sender, receiver)
    assert bytes(receiver.get(frames[0][1])) == payload


def test_large_payloads_lie_in_the_arena_until_they_are_freed(ends: Ends) -> None:
    sender, _, arena = ends
    placed = sender.put(b"x" * 100_000)
    assert isinstance(placed, list)
    assert arena.statistics().used_bytes == 25 * PAGE_BYTES
    sender.free(placed)
    assert arena.statistics().used_bytes == 0


def test_a_full_arena_sends_payloads_inline(ends: Ends) -> None:
    sender, _, _ = ends
    held = [sender.put(b"x" * 500_000) for _ in range(3)]
    assert [type(payload) for payload in held] == [list, list, bytes]


def test_a_closed_end_is_told(ends: Ends) -> None:
    sender, receiver, _ = ends
    sender.close()
    assert receiver.receive() == []  # The arena's hello; it is no news.
    with pytest.raises(ChannelClosed):
        receiver.receive()


@pytest.mark.parametrize("free", [0, 1])
def test_an_arena_that_finds_no_descriptor_ends_the_connection_and_nothing_else(
    ends: Ends, free: int
) -> None:
    _, receiver, _ = ends
    with only(free), pytest.raises(ChannelClosed, match="no descriptor for the other side's memory"):
        receiver.receive()


def test_a_descriptor_outside_the_arena_is_refused() -> None:
    arena = Arena(1 << 16)
    reader = ArenaReader(os.dup(arena.fd))
    for offset, length in ((-1, 4), (0, (1 << 16) + 1), (1 << 16, 1)):
        with pytest.raises(ValueError, match="outside the arena"):
            reader.view(offset, length)
    arena.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), max_size=60))
def test_blocks_never_overlap_and_all_come_back(steps: list[tuple[bool, int]]) -> None:
    arena = Arena(1 << 20)
    held: dict[int, int] = {}
    for free, size in steps:
        if free and held:
            arena.free(held.popitem()[0] if size % 2 else held_first(held))
            continue
        offset = arena.reserve(size)
        if offset is not None:
            held[offset] = size
            spans = sorted((start, start + length) for start, length in held.items())
            assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(spans))
            assert spans[-1][1] <= 1 << 20
    for offset in held:
        arena.free(offset)
    assert arena.statistics().used_bytes == 0
    assert arena.reserve((1 << 20) - PAGE_BYTES) is not None, "an empty arena has its whole room again"
    arena.close()


def test_payloads_lie_one_behind_the_other_where_others_have_left() -> None:
    arena = Arena(1 << 20)
    placed = [arena.reserve(3 * PAGE_BYTES - n) for n in range(6)]
    assert placed == [3 * PAGE_BYTES * n for n in range(6)]
    for n in (3, 1, 2):
        arena.free(3 * PAGE_BYTES * n)
    assert [arena.reserve(3 * PAGE_BYTES) for _ in range(4)] == [3 * PAGE_BYTES * n for n in (1, 2, 3, 6)]
    arena.close()


def held_first(held: dict[int, int]) -> int:
    first = next(iter(held))
    del held[first]
    return first
