"""Batches that run too long, told from those that may."""

from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from horngate.server.worker.notes import Note
from horngate.server.worker.patience import (
    FORETOLD_TIMES,
    LONGEST_LOOK_S,
    UNFORETOLD_S,
    Patience,
)
from horngate.server.worker.room import Room
from horngate.server.worker.runner import Runner
from horngate.server.worker.work import Batch
from tests.server.worker.test_runner import Doubling, batch_of

LOOK_S, MOST_S = 3.0, 2000.0


@pytest.fixture
def patience(tmp_path: Path) -> Patience:
    return Patience(Note(tmp_path / "note"))


def given_up_s(patience: Patience) -> float:
    """How long what runs is let run."""
    looks = 0
    while patience.overdue(looks * LOOK_S) is None:
        looks += 1
        assert looks * LOOK_S < MOST_S, "it is never given up"
    return looks * LOOK_S


def warm(patience: Patience, batch: Batch) -> Batch:
    patience.know([batch.program])
    return batch


@pytest.mark.parametrize(("foretold_s", "allowed_s"), [(0.001, 60.0), (2.0, 2.0 * FORETOLD_TIMES)])
def test_a_batch_may_take_much_longer_than_foretold_but_not_for_ever(
    patience: Patience, foretold_s: float, allowed_s: float
) -> None:
    batch = warm(patience, batch_of([3], Doubling(8)))
    batch.charged_s = foretold_s
    patience.begins(batch)
    assert allowed_s < given_up_s(patience) <= allowed_s + LOOK_S
    overdue = patience.overdue(MOST_S)
    assert overdue is not None
    assert (overdue.handle, overdue.rows) == ("m/1@1", 3)


def test_the_operator_says_how_long_at_least(patience: Patience) -> None:
    patience.floor_s = 5.0
    batch = warm(patience, batch_of([3], Doubling(8)))
    batch.charged_s = 0.001
    patience.begins(batch)
    assert given_up_s(patience) == 6.0


class ForSixteenRows(Doubling):
    """Compiled for so many, as XLA does."""

    def most_rows(self, shapes: Any) -> int:
        return 16


@pytest.mark.parametrize("why", ["first run", "training phase", "more rows than compiled", "a probe runs"])
def test_what_may_compile_or_waits_is_given_a_quarter_of_an_hour(patience: Patience, why: str) -> None:
    program = ForSixteenRows(99) if why == "more rows than compiled" else Doubling(99)
    batch = batch_of([17], program)
    if why != "first run":
        warm(patience, batch)
    if why == "training phase":
        batch.shares[0].work.seed = 1
    (patience.waits if why == "a probe runs" else patience.begins)(batch)
    assert given_up_s(patience) > UNFORETOLD_S


def test_what_has_run_or_is_compiled_is_not_first_any_more(patience: Patience) -> None:
    batch = batch_of([4], Doubling(8))
    patience.begins(batch)
    patience.ended(batch)
    for each in (batch, batch_of([16], ForSixteenRows(99))):
        each.charged_s = 0.1
        patience.begins(each)
        assert given_up_s(patience) < UNFORETOLD_S


def test_many_batches_are_not_one_long_one(patience: Patience) -> None:
    batch = warm(patience, batch_of([3], Doubling(8)))
    for look in range(100):
        patience.begins(batch)
        assert patience.overdue(look * LOOK_S) is None
    patience.ended(batch)
    assert patience.overdue(1e6) is None


def test_a_process_that_was_stopped_has_no_engine_that_hangs(patience: Patience) -> None:
    batch = warm(patience, batch_of([3], Doubling(8)))
    batch.charged_s = 0.001
    patience.begins(batch)
    assert patience.overdue(0.0) is None
    assert patience.overdue(3600.0) is None
    assert patience.overdue(3600.0 + LONGEST_LOOK_S) is None


def test_the_runner_tells_what_it_runs_and_that_it_has(patience: Patience) -> None:
    seen: list[float] = []
    done: SimpleQueue[Any] = SimpleQueue()

    class Looking(Doubling):
        def run(self, inputs: Any) -> list[Any]:
            seen.append(given_up_s(patience))
            return super().run(inputs)

    Runner(done.put, Room(lambda: 1 << 40), patience).run(batch_of([3], Looking(8)))
    done.get(timeout=30)
    assert seen
    assert patience.overdue(MOST_S) is None
