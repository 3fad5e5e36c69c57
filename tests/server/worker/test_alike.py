"""Requests that come together and are alike: run as one where they can be, and each by itself where not."""

from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from horngate.contract.errors import DeadlineExceeded, InternalError, ResourceExhausted
from horngate.contract.tensors import TensorSpec
from horngate.server.costs import ENOUGH_BATCHES
from horngate.server.worker.alike import Alike
from horngate.server.worker.item import Item
from horngate.server.worker.reception import Reception
from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Work
from tests.server.worker.world import HANDLE, World


class Desk:
    """A worker at which such requests arrive; `together` gathers the numbers of those that were answered as one."""

    def __init__(self, folder: Path, limit: int = 8) -> None:
        self.world = world = World(folder, limit)
        model = world.model
        model.inputs = lambda pixels: [TensorSpec(name="x", datatype="FP32", shape=(None, 1))]
        model.programs = {Wanted(("y",)): world.program}
        model.refusal = lambda wanted, shapes: None
        shelf = cast(Any, SimpleNamespace(models={HANDLE: model}, arriving={}))
        self.reception = Reception(shelf, world.batcher, world.sequences)
        self.together: list[list[int]] = []
        self.link = world.link
        self.link.channel = SimpleNamespace(get=lambda payload: payload)
        reply = self.link.reply

        def reply_all(work: Work, arrays: list[Any]) -> None:
            if work.alike is None:
                return reply(work, arrays)
            del self.link.works[work.request]
            self.together.append(work.alike.numbers)
            values = arrays[0][:, 0].reshape(len(work.alike.numbers), -1).tolist()
            world.answers.update(zip(work.alike.numbers, values, strict=True))

        self.link.reply = reply_all

    def receive(
        self, first: int, *values: float, deadlines_s: tuple[float | None, ...] = (), is_all: bool = False
    ) -> None:
        """Requests of a row each, numbered from the first on."""
        numbers = list(range(first, first + len(values)))
        tensors = [([len(values), 1], np.array(values, np.float32).tobytes())]
        alike = Alike(numbers, HANDLE, [], 1, list(deadlines_s), 0, False, tensors)
        self.reception.receive_alike(self.link, alike, is_all=is_all)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def waits_observed(desk: Desk) -> float:
    [family] = desk.world.figures["queue"].collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_count"))


def test_an_idle_worker_runs_them_as_one_and_counts_each(desk: Desk) -> None:
    desk.receive(1, 1, 2, 3)
    desk.world.run()
    assert desk.world.answers == {1: [1], 2: [2], 3: [3]}
    assert (desk.together, desk.world.program.sizes) == ([[1, 2, 3]], [3])
    assert (waits_observed(desk), desk.link.works) == (3, {})


def test_what_comes_in_the_same_moment_shares_the_batch(desk: Desk) -> None:
    desk.receive(1, 1, 2)
    desk.receive(3, 3, 4)
    desk.world.run()
    assert (desk.together, desk.world.program.sizes) == ([[1, 2], [3, 4]], [4])


def test_what_is_known_to_be_brief_and_all_that_came_is_answered_before_anything_else(desk: Desk) -> None:
    desk.receive(1, 1, is_all=True)
    assert desk.world.answers == {}  # Nobody knows how long it takes.
    for number in range(2, 2 + 2 * ENOUGH_BATCHES):
        desk.world.run()
        desk.receive(number, 1)
    desk.receive(90, 7, is_all=True)
    assert 90 not in desk.world.answers  # Another waits.
    desk.world.run()
    desk.receive(91, 1, -2, 3, is_all=True)
    desk.receive(94, 4, 5)
    desk.world.run()
    assert {number: desk.world.answers[number] for number in range(91, 96)} == {
        91: [1], 92: InternalError, 93: [3], 94: [4], 95: [5],
    }  # fmt: skip
    desk.receive(96, 6, is_all=True)
    assert desk.world.answers[96] == [6]
    assert (desk.link.works, desk.world.batcher.handles) == ({}, set())
    assert desk.world.batcher.ahead_s == pytest.approx(0.0)


def test_of_those_whose_batch_fails_only_the_cause_does(desk: Desk) -> None:
    desk.receive(1, 1, -2, 3)
    desk.world.run()
    assert desk.world.answers == {1: [1], 2: InternalError, 3: [3]}
    assert (desk.together, desk.link.works) == ([], {})


def test_the_only_one_that_fails_is_run_once(desk: Desk) -> None:
    desk.receive(1, -1)
    desk.world.run()
    assert (desk.world.answers, desk.link.works) == ({1: InternalError}, {})
    assert desk.world.program.sizes == [1]


def test_of_more_than_a_batch_holds_each_is_answered_with_its_batch(tmp_path: Path) -> None:
    desk = Desk(tmp_path, limit=2)
    desk.receive(1, 1, 2, 3)
    desk.world.run()
    assert desk.world.answers == {1: [1], 2: [2], 3: [3]}
    assert (desk.together, max(desk.world.program.sizes)) == ([[1, 2], [3]], 2)


def test_of_those_that_wait_the_cancelled_never_run_and_the_others_keep_their_place(desk: Desk) -> None:
    gate = desk.world.program.gate = SimpleQueue()
    desk.receive(1, 1, 2)
    desk.world.batcher.dispatch()
    desk.reception.cancel(desk.link, 2)  # It runs.
    desk.receive(3, 3, 4)
    desk.receive(5, 5, 6)
    desk.reception.cancel(desk.link, 3)
    for _ in range(2):
        gate.put(None)
    desk.world.run()
    assert desk.world.answers == {1: [1], 2: [2], 3: DeadlineExceeded, 4: [4], 5: [5], 6: [6]}
    assert list(desk.world.answers) == [3, 1, 2, 4, 5, 6]
    assert (desk.together, desk.world.program.sizes) == ([[1, 2], [5, 6]], [2, 3])


def test_no_more_of_them_wait_than_the_queue_holds(desk: Desk) -> None:
    gate = desk.world.program.gate = SimpleQueue()
    desk.receive(1, 0)
    desk.world.batcher.dispatch()
    desk.receive(2, *range(12))
    for _ in range(3):
        gate.put(None)
    desk.world.run()
    refused = [number for number, answer in desk.world.answers.items() if answer is ResourceExhausted]
    assert refused == [12, 13]


def test_none_that_was_taken_is_turned_away_when_they_part(desk: Desk) -> None:
    gate = desk.world.program.gate = SimpleQueue()
    desk.receive(1, 1, -2, 3)
    desk.world.batcher.dispatch()
    desk.receive(4, *range(8))
    desk.world.batcher.dispatch()  # The next batch.
    desk.receive(12, *range(10))  # The queue is full.
    for _ in range(10):
        gate.put(None)
    desk.world.run()
    assert {number: desk.world.answers[number] for number in (1, 2, 3)} == {1: [1], 2: InternalError, 3: [3]}
    assert ResourceExhausted not in desk.world.answers.values()


def test_one_that_is_late_does_not_keep_the_others(desk: Desk) -> None:
    desk.receive(1, 1, 2, deadlines_s=(0.5, None))
    desk.world.run()
    assert desk.world.answers == {1: DeadlineExceeded, 2: [2]}


def test_of_larger_parts_each_has_its_own_contents_and_deadlines() -> None:
    shapes = [([6, 2], b"aabbccddeeff"), ([6, 1], [4096, 24])]
    alike = Alike([5, 6, 7], HANDLE, ["y"], 2, [None, 7.0, 8.0], 3, False, shapes)
    first, second = alike.parts(2)
    assert (first.numbers, first.deadlines_s) == ([5, 6], [None, 7.0])
    assert first.tensors == [([4, 2], b"aabbccdd"), ([4, 1], [4096, 16])]
    assert (second.numbers, second.deadlines_s) == ([7], [8.0])
    assert second.tensors == [([2, 2], b"eeff"), ([2, 1], [4112, 8])]
    assert second[1:4] == alike[1:4]


def test_parts_of_what_lies_in_shared_memory_are_where_they_lay() -> None:
    alike = Alike([5, 6], HANDLE, ["y"], 2, [None, 7.0], 3, True, [([4, 3], [4096, 48])])
    assert list(alike.singly()) == [
        Item(5, HANDLE, ["y"], 2, None, False, 3, None, True, None, [([2, 3], [4096, 24])], None),
        Item(6, HANDLE, ["y"], 2, 7.0, False, 3, None, True, None, [([2, 3], [4120, 24])], None),
    ]
