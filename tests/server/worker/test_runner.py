"""Batches that find no memory: run in parts, every row once and in order, down to one row that is refused."""

import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.contract.errors import ResourceExhausted
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.notes import Note, is_hunger, read_note
from horngate.server.worker.patience import LONGEST_LOOK_S, Patience
from horngate.server.worker.room import Room
from horngate.server.worker.runner import Runner
from horngate.server.worker.work import Batch, Share
from tests.server.worker.test_work import work


class Doubling:
    """A program with memory for so many rows."""

    pool = "test"

    def __init__(self, most_rows: int) -> None:
        self._most = most_rows

    def run(self, inputs: Any) -> list[Any]:
        if len(inputs["x"]) > self._most:
            raise OutOfMemory("std::bad_alloc")
        return [inputs["x"] * 2]

    def release(self) -> None:
        """Nothing is kept."""


class OnADevice:
    """A program whose device computes a batch until the next is begun; beyond `most_rows` it has no memory."""

    pool = "test"
    overlaps = enqueues = True

    def __init__(self, batches: int, most_rows: int = 100) -> None:
        self.begun = [threading.Event() for _ in range(batches)]
        self._most = most_rows
        self._next = 0

    def stage(self, inputs: Any) -> Any:
        return inputs["x"]

    def begin(self, staged: Any) -> Any:
        for event in self.begun[self._next : self._next + 1]:
            event.set()
        self._next += 1
        after = self.begun[self._next : self._next + 1]

        def outputs() -> list[Any]:
            assert all(event.wait(30) for event in after), "the next batch was not begun"
            if len(staged) > self._most:
                raise OutOfMemory("RESOURCE_EXHAUSTED")
            return [staged * 2]

        return outputs

    def release(self) -> None:
        """Nothing is kept."""


class BeginningEarly:
    """A program that computes what is staged by itself, and notes its rows; no batch ends before it may."""

    pool = "test"
    overlaps = begins_early = True

    def __init__(self) -> None:
        self.staged: list[int] = []
        self.begun, self.may_end = threading.Event(), threading.Event()

    def stage(self, inputs: Any) -> Any:
        self.staged.append(len(inputs["x"]))
        self.begun.set()
        return inputs["x"]

    def begin(self, staged: Any) -> Any:
        def outputs() -> list[Any]:
            assert self.may_end.wait(60)
            return [staged * 2]

        return outputs


def batch_of(sizes: list[int], program: object) -> Batch:
    shares = [Share(work=work(size, ("y",), 100 * n), start=0, stop=size) for n, size in enumerate(sizes)]
    return Batch(
        handle="m/1@1",
        program=cast(Any, program),
        names=("y",),
        charged_s=1.0,
        shares=shares,
        input_names=["x"],
        needed_bytes=lambda rows: rows,
    )


DONE: "SimpleQueue[list[Batch]]" = SimpleQueue()


def run(batch: Batch, patience: Patience, left_bytes: int = 1 << 40) -> list[Batch]:
    Runner(DONE.put, Room(lambda: left_bytes), patience).run(batch)
    return DONE.get(timeout=10)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 12))
def test_every_row_is_answered_once_whatever_memory_suffices_for(sizes: list[int], most: int) -> None:
    note = Path("/dev/shm/horngate-test-note")
    batch = batch_of(sizes, Doubling(most))
    expected = [array * 2 for array in (share.work.inputs[0] for share in batch.shares)]
    parts = run(batch, Patience(Note(note)))
    assert max(part.rows for part in parts) <= most
    found: dict[int, list[Any]] = {}
    for part in parts:
        assert part.fault is None
        for share, outputs in zip(part.shares, part.split(), strict=True):
            found.setdefault(share.work.request, []).append(outputs[0])
    answers = [np.concatenate(pieces) for pieces in found.values()]
    for truth, answer in zip(expected, answers, strict=True):
        np.testing.assert_array_equal(truth, answer)
    short = max((part.short_rows for part in parts), default=0)
    assert short == (sum(sizes) if sum(sizes) > most else 0)
    assert sum(part.charged_s for part in parts) == np.float64(1.0).round(9) or len(parts) > 1
    note.unlink()


def test_a_batch_is_begun_on_the_device_before_the_last_one_s_outputs_are_there(tmp_path: Path) -> None:
    program, room = OnADevice(3), Room(lambda: 1 << 40)
    runner = Runner(DONE.put, room, Patience(Note(tmp_path / "note")))
    batches = [batch_of([rows], program) for rows in (2, 3, 4)]
    for batch in batches:
        runner.run(batch)
    for batch in batches:
        (part,) = DONE.get(timeout=60)
        assert part is batch
        assert part.fault is None
        np.testing.assert_array_equal(part.outputs[0], part.shares[0].work.inputs[0] * 2)
    with room.alone:  # Nothing is under way: whoever measures another program has its turn.
        assert runner.run_here(batch_of([2], program)) is None


def test_one_that_cannot_be_enqueued_is_found_again_by_itself_and_the_others_run(tmp_path: Path) -> None:
    class Refusing(OnADevice):
        def begin(self, staged: Any) -> Any:
            if len(staged) == 3:
                raise ValueError("no such kernel")
            return super().begin(staged)

    runner = Runner(DONE.put, Room(lambda: 1 << 40), Patience(Note(tmp_path / "note")))
    program = Refusing(2)
    for rows in (2, 3, 4):
        runner.run(batch_of([rows], program))
    found = {part.rows: part.fault for _ in range(3) for part in DONE.get(timeout=60)}
    assert {rows: str(fault) for rows, fault in found.items()} == {2: "None", 3: "no such kernel", 4: "None"}


def test_a_batch_without_memory_beside_others_is_run_in_parts_by_itself(tmp_path: Path) -> None:
    program = OnADevice(3, most_rows=4)
    runner = Runner(DONE.put, Room(lambda: 1 << 40), Patience(Note(tmp_path / "note")))
    for rows in (2, 8, 3):
        runner.run(batch_of([rows], program))
    parts = [part for _ in range(3) for part in DONE.get(timeout=60)]
    assert sorted(part.rows for part in parts) == [2, 3, 4, 4]
    assert all(part.fault is None for part in parts)
    assert sum(part.halved for part in parts) == 1


@pytest.mark.parametrize(("second", "staged"), [(3, [3, 3]), (2, [3, 2]), (4, [3])])
def test_a_batch_that_needs_no_more_memory_begins_while_the_one_before_it_runs(
    tmp_path: Path, second: int, staged: list[int]
) -> None:
    program = BeginningEarly()
    runner = Runner(DONE.put, Room(lambda: 1 << 40), Patience(Note(tmp_path / "note")))
    runner.run(batch_of([3], program))
    assert program.begun.wait(60)
    runner.run(batch_of([second], program))
    assert program.staged == staged
    program.may_end.set()
    assert [(part.rows, part.fault) for part in DONE.get(timeout=60)] == [(3, None)]
    assert [(part.rows, part.fault) for part in DONE.get(timeout=60)] == [(second, None)]
    assert program.staged == [3, second]


def test_one_row_that_finds_no_memory_is_refused_by_that_name(tmp_path: Path) -> None:
    (part,) = run(batch_of([1], Doubling(0)), Patience(Note(tmp_path / "note")))
    assert isinstance(part.fault, ResourceExhausted)
    assert "one row needs more memory than there is" in str(part.fault)


def test_a_batch_without_room_is_halved_before_it_is_tried(tmp_path: Path) -> None:
    parts = run(batch_of([8], Doubling(8)), Patience(Note(tmp_path / "note")), left_bytes=4)
    assert [part.rows for part in parts] == [4, 4]
    assert (parts[0].halved, parts[0].short_rows) == (1, 0)


@pytest.mark.parametrize(("left_bytes", "most_rows"), [(4, 8), (100, 4)])
def test_a_request_in_training_is_never_run_in_parts(tmp_path: Path, left_bytes: int, most_rows: int) -> None:
    batch = batch_of([8], Doubling(most_rows))
    batch.shares[0].work.seed = 3
    patience = Patience(Note(tmp_path / "note"))
    (part,) = run(batch, patience, left_bytes=left_bytes)
    assert isinstance(part.fault, ResourceExhausted)
    assert "8 rows, which are not to be split, need more memory than there is" in str(part.fault)
    assert not any(patience.overdue(looks * LONGEST_LOOK_S) for looks in range(1000)), "it is over"


def test_what_runs_is_noted_and_outlives_the_process(tmp_path: Path) -> None:
    note = Note(tmp_path / "note")
    assert read_note(tmp_path / "note") is None
    note.running("churn/3@7", 64)
    assert read_note(tmp_path / "note") == ("churn/3@7", 64)
    note.running("a/1@1", 2)
    assert read_note(tmp_path / "note") == ("a/1@1", 2)
    note.idle()
    assert read_note(tmp_path / "note") is None
    assert read_note(tmp_path / "nobody") is None


def test_only_the_kernel_and_engines_that_fall_speak_of_hunger() -> None:
    assert not is_hunger(-9, oom_kills=0), "somebody killed it"
    assert is_hunger(-9, oom_kills=1)
    assert is_hunger(-11, oom_kills=0)
    assert not is_hunger(0, oom_kills=1)


def test_a_batch_runs_on_its_caller_s_thread_unless_another_program_runs(tmp_path: Path) -> None:
    room = Room(lambda: 1 << 40)
    runner = Runner(DONE.put, room, Patience(Note(tmp_path / "note")))
    (part,) = runner.run_here(batch_of([2, 3], Doubling(9))) or ()
    assert part.fault is None
    assert [array.shape[0] for [array] in part.split()] == [2, 3]
    with room.alone:
        assert runner.run_here(batch_of([2], Doubling(9))) is None
    assert DONE.empty()


def test_a_fault_around_a_batch_is_that_batchs_and_the_thread_goes_on(tmp_path: Path) -> None:
    def unreadable() -> int:
        raise OSError(24, "Too many open files")

    runner = Runner(DONE.put, Room(unreadable), Patience(Note(tmp_path / "note")))
    for _ in range(2):
        runner.run(batch_of([3, 2], Doubling(8)))
        (part,) = DONE.get(timeout=30)
        assert isinstance(part.fault, OSError)
    (part,) = runner.run_here(batch_of([3, 2], Doubling(8))) or ()
    assert isinstance(part.fault, OSError)
