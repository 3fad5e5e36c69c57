"""Room for batches: what earlier ones left counts for the next, and is given back where it is in the way."""

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.room import LOOK_BYTES, Room

MIB = 1 << 20


class Memory:
    """A machine with so much memory. What batches left is of no use to a larger one, and of little to others."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: dict[Hashable, int] = {}
        self.largest: dict[Hashable, int] = {}

    def left(self) -> int:
        return self.size - sum(self.kept.values())

    def run(self, pool: Hashable, needed: int) -> None:
        is_larger = needed > self.largest.get(pool, 0)
        self.largest[pool] = max(self.largest.get(pool, 0), needed)
        self.kept[pool] = self.kept.get(pool, 0) + (needed if is_larger else needed // 4)
        assert self.left() >= 0, "more was taken than there is"


class Program:
    def __init__(self, memory: Memory, pool: Hashable) -> None:
        self.pool = pool
        self._memory = memory

    def release(self) -> None:
        self._memory.kept.pop(self.pool, None)
        self._memory.largest.pop(self.pool, None)


# Smaller ones are looked after now and then only: the reserve is for those.
batches = st.lists(st.tuples(st.integers(0, 3), st.integers(LOOK_BYTES // MIB, 60)), max_size=40)


@given(st.integers(64, 256), batches)
def test_no_batch_that_may_run_takes_more_than_there_is(size: int, batches: list[tuple[int, int]]) -> None:
    machine = Memory(size * MIB)
    programs = [Program(machine, pool) for pool in range(4)]
    room = Room(machine.left)
    for pool, needed in batches:
        assert room.make(programs[pool], needed * MIB), (
            "every one fits alone, so it fits once all is given back"
        )
        machine.run(pool, needed * MIB)


def test_what_a_program_has_kept_is_not_asked_for_twice() -> None:
    machine = Memory(120 * MIB)
    program = Program(machine, "pool")
    room = Room(machine.left)
    assert room.make(program, 80 * MIB)
    machine.run("pool", 80 * MIB)
    assert room.make(program, 80 * MIB)
    assert machine.kept == {"pool": 80 * MIB}, "nothing was given back for that"


def test_a_batch_that_cannot_fit_is_told_so() -> None:
    room = Room(lambda: 50 * MIB)
    assert not room.make(Program(Memory(0), "pool"), 51 * MIB)
