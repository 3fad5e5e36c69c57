"""Deadlines are told when they pass, once, and whoever left is not."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.deadlines import SLOT_S, Deadlines

TIMES = st.lists(st.floats(0, 1, allow_nan=False), max_size=30)


@given(TIMES, st.sets(st.integers(0, 29)), TIMES)
def test_each_is_told_once_and_soon_after_its_deadline(
    due_s: list[float], leaving: set[int], looks_s: list[float]
) -> None:
    deadlines: Deadlines[int] = Deadlines()
    for item, at_s in enumerate(due_s):
        deadlines.add(item, at_s)
    left = {item for item in leaving if item < len(due_s)}
    for item in left:
        deadlines.remove(item, due_s[item])
        deadlines.remove(item, due_s[item])
    told: list[int] = []
    for now_s in [*sorted(looks_s), 2.0]:
        next_s = deadlines.next_s
        new = deadlines.passed(now_s)
        assert bool(new) == (next_s is not None and next_s <= now_s)
        assert all(due_s[item] <= now_s for item in new)
        told += new
        waiting = set(range(len(due_s))) - left - set(told)
        assert all(due_s[item] + SLOT_S > now_s for item in waiting), "nobody waits longer than a slot"
    assert sorted(told) == sorted(set(range(len(due_s))) - left)
    assert deadlines.next_s is None
    assert len(deadlines) == 0


def test_those_that_leave_early_leave_nothing_behind() -> None:
    deadlines: Deadlines[str] = Deadlines()
    tracemalloc.start()
    for turn in range(20_000):
        deadlines.add("the same again and again", 600.0 + turn * SLOT_S)
        deadlines.remove("the same again and again", 600.0 + turn * SLOT_S)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 50_000
    assert deadlines.next_s is None
