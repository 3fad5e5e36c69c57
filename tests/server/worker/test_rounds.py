"""Programs timed in turns, on a machine that other work slows now and then."""

from dataclasses import replace

import pytest

from horngate.server.worker import rounds as timing
from horngate.server.worker.engines import EngineChoice
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import Guard
from horngate.server.worker.rounds import TIMED_ROWS, Rounds
from tests.server.worker.slow_machine import GUARD, ROW, Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    made.keeps_time(monkeypatch, timing)
    return made


def named(name: str, *, apart: bool = False) -> EngineChoice:
    return EngineChoice(engine=name, threads=2, apart=apart)


def entered(machine: Machine, guard: Guard = GUARD, **row_s: float) -> Rounds:
    rounds = Rounds(ROW, guard)
    for name, seconds in row_s.items():
        rounds.make_room(named(name))
        rounds.enter(named(name), machine.program(name, seconds))
    return rounds


def test_what_slows_one_of_them_for_a_moment_does_not_decide(machine: Machine) -> None:
    machine.busy = [1.5] * 100
    rounds = entered(machine, fast=0.010)
    machine.busy.clear()
    rounds.enter(named("slow"), machine.program("slow", 0.012))
    assert rounds.best is not None
    assert rounds.best.choice.engine == "slow"
    rounds.decide()
    assert rounds.best.choice.engine == "fast"
    assert rounds.scores[named("fast")] == pytest.approx(100)
    assert rounds.scores[named("slow")] == pytest.approx(1 / 0.012)


def test_turns_are_taken_one_after_the_other_and_what_is_far_behind_gets_no_more(machine: Machine) -> None:
    rounds = entered(machine, one=0.010, other=0.0105, far=0.040)
    machine.ran.clear()
    rounds.decide()
    turns = [name for name, rows in machine.ran if rows == TIMED_ROWS[1]]
    assert turns == ["one", "other"] * (len(turns) // 2)
    assert len(turns) >= 2 * timing.LEAST_ROUNDS


def test_it_ends_as_soon_as_one_alone_is_left(machine: Machine) -> None:
    rounds = entered(machine, fast=0.010, slow=0.015)
    machine.ran.clear()
    rounds.decide()
    assert [name for name, rows in machine.ran if rows == TIMED_ROWS[1]] == ["fast", "slow"]


def test_one_that_fails_when_its_turn_comes_is_left_and_the_others_go_on(machine: Machine) -> None:
    rounds = entered(machine, good=0.010)
    broken = machine.program("broken", 0.0098)
    rounds.enter(named("broken"), broken)

    def fail(inputs: object) -> None:
        raise ValueError("no such kernel")

    broken.run = fail
    rounds.decide()
    assert rounds.best is not None
    assert (rounds.best.choice.engine, rounds.scores[named("broken")]) == ("good", 0.0)


def test_parts_win_where_they_are_nearly_as_fast(machine: Machine) -> None:
    rounds = Rounds(ROW, GUARD)
    rounds.enter(named("one"), machine.program("one", 0.0100))
    rounds.enter(named("one", apart=True), machine.program("parts", 0.0105))
    rounds.enter(named("other", apart=True), machine.program("slow parts", 0.0120))
    rounds.decide()
    assert rounds.best is not None
    assert rounds.best.choice == named("one", apart=True)
    assert not max(rounds.scores, key=rounds.scores.__getitem__).apart


@pytest.mark.parametrize(
    ("row_s", "sizes"),
    [(0.0007, [1, 4, 16, 64]), (0.004, [1, 4, 16]), (0.060, [1, 4]), (0.3, [1])],
)
def test_larger_batches_of_what_is_slow_are_not_tried(
    machine: Machine, row_s: float, sizes: list[int]
) -> None:
    rounds = entered(machine, first=row_s, other=1.1 * row_s, hopeless=20 * row_s)
    rounds.decide()
    assert sorted({rows for _, rows in machine.ran}) == sizes
    assert rounds.most_rows == sizes[-1]
    assert len({rows for name, rows in machine.ran if name == "hopeless"}) <= 3, "it is left behind"


def test_the_best_so_far_may_be_slow_with_large_batches(machine: Machine) -> None:
    rounds = Rounds(ROW, GUARD)
    rounds.enter(named("large"), machine.program("large", 0.001, batch_s=0.030))
    rounds.enter(named("small"), machine.program("small", 0.005))
    assert rounds.best is not None
    assert rounds.best.choice.engine == "small"
    rounds.enter(named("other"), machine.program("other", 0.006))
    assert set(rounds.scores) == {named("large"), named("small"), named("other")}


def test_none_is_compared_at_sizes_that_one_has_no_memory_for(machine: Machine) -> None:
    rounds = entered(machine, one=0.001)
    rounds.enter(named("other"), machine.program("other", 0.001, most_rows=4))
    machine.ran.clear()
    rounds.decide()
    assert {rows for _, rows in machine.ran} == {1, 4}
    with pytest.raises(OutOfMemory):
        rounds.enter(named("none"), machine.program("none", 0.001, most_rows=0))


def test_without_room_for_all_each_gets_its_turns_before_it_goes(machine: Machine) -> None:
    small = replace(GUARD, weights_bytes=100 << 20, room_bytes=600 << 20)
    rounds = entered(machine, small, one=0.010, other=0.0101)
    machine.ran.clear()
    rounds.make_room(named("third"))
    assert {name for name, _ in machine.ran} == {"one", "other"}
    rounds.enter(named("third"), machine.program("third", 0.0102))
    machine.ran.clear()
    rounds.decide()
    assert {name for name, _ in machine.ran} == {"third"}, "as many turns as the others had"
    with pytest.raises(OutOfMemory, match="for the weights"):
        rounds.make_room(named("openvino", apart=True))
