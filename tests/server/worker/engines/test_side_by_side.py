"""Batches in parts: every row once and in order, as many parts at once as cores, the next batch behind."""

import threading
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.server.settings import available_cores
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.engines.side_by_side import PART_ROWS, WORTH, SideBySide, parts_of

LONGEST_S = 60
several_cores = pytest.mark.skipif(available_cores() < 2, reason="parts run at once on two cores")


class Doubling:
    """A program that notes what it runs, and does `first` before."""

    pool = "test"

    def __init__(self, first: Any = lambda x: None) -> None:
        self.first = first
        self.ran: list[int] = []

    def run(self, inputs: Any) -> list[Any]:
        self.ran.append(len(inputs["x"]))
        self.first(inputs["x"])
        return [inputs["x"] * 2, inputs["x"][:, 0]]

    def release(self) -> None:
        """Nothing is kept."""


def batch(rows: int, start: int = 0) -> dict[str, Any]:
    return {"x": np.arange(start, start + 2 * rows, dtype=np.float32).reshape(rows, 2)}


def side_by_side(together: Doubling, *apart: Doubling) -> SideBySide:
    program = SideBySide(cast(Any, together), cast(Any, apart))
    program.run(batch(1))  # What each makes when it first runs is made.
    for one in (together, *apart):
        one.ran.clear()
    return program


@given(st.integers(1, 300), st.integers(1, 64))
def test_parts_hold_every_row_once_and_keep_all_cores_busy(rows: int, cores: int) -> None:
    parts = parts_of(rows, cores)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    if len(parts) > 1:
        sizes = [part.stop - part.start for part in parts]
        assert len(parts) % cores == 0
        assert max(sizes) <= PART_ROWS
        assert min(sizes) >= max(sizes) - 1
        assert max(sizes) * len(parts) <= WORTH * rows


def test_a_batch_that_is_too_small_for_all_cores_stays_together() -> None:
    assert [len(parts_of(rows, 8)) for rows in (1, 7, 8, 9, 12, 16, 33)] == [1, 1, 8, 1, 8, 8, 16]


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 9, 31])
def test_the_outputs_are_those_of_the_whole_batch(rows: int) -> None:
    together, apart = Doubling(), (Doubling(), Doubling())
    outputs = side_by_side(together, *apart).run(batch(rows))
    for expected, found in zip(Doubling().run(batch(rows)), outputs, strict=True):
        np.testing.assert_array_equal(expected, found)
    assert together.ran == ([1] if rows == 1 else [])
    assert sum(apart[0].ran + apart[1].ran) == (rows if rows > 1 else 0)


@several_cores
def test_parts_run_at_the_same_time_each_on_a_program_of_its_own() -> None:
    both, apart = threading.Barrier(2), (Doubling(), Doubling())
    program = side_by_side(Doubling(), *apart)
    for one in apart:
        one.first = lambda x: both.wait(LONGEST_S)
    program.run(batch(2 * PART_ROWS))
    assert [one.ran for one in apart] == [[PART_ROWS], [PART_ROWS]]


@several_cores
def test_the_next_batch_s_parts_run_before_the_last_of_this_one_has_ended() -> None:
    begun, apart = threading.Event(), (Doubling(), Doubling())
    program: Any = side_by_side(Doubling(), *apart)

    def first(x: Any) -> None:
        """The first batch's first part ends once a part of the second has begun."""
        if x[0, 0] >= 100:
            begun.set()
        elif x[0, 0] == 0:
            assert begun.wait(LONGEST_S), "the next batch has not begun"

    for one in apart:
        one.first = first
    staged = [program.stage(batch(8, start)) for start in (0, 100)]
    for start, each in zip((0, 100), staged, strict=True):
        np.testing.assert_array_equal(program.begin(each)()[0], batch(8, start)["x"] * 2)


def test_a_part_that_fails_fails_its_batch_once_no_part_runs_any_more() -> None:
    def first(x: Any) -> None:
        if x[0, 0] == 0:
            raise OutOfMemory("std::bad_alloc")

    apart = (Doubling(), Doubling())
    program = side_by_side(Doubling(), *apart)
    for one in apart:
        one.first = first
    with pytest.raises(OutOfMemory):
        program.run(batch(16))
    assert sum(apart[0].ran + apart[1].ran) == 16
    assert len(program.run(batch(16, 2))[0]) == 16, "both programs are there for the next"
