"""Programs timed in turns, on a clock of the test's own that other work on the machine slows now and then."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from horngate.server.worker import rounds as timing
from horngate.server.worker.engines import Array, EngineChoice
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import Guard
from horngate.server.worker.reference import Reference
from horngate.server.worker.rounds import TIMED_ROWS, Rounds

GUARD = Guard(room_bytes=1 << 30, row_bytes=1 << 10, weights_bytes=1 << 20, alone=nullcontext)
ROW = Reference({"x": np.zeros((1, 2), np.float32)}, [])


@dataclass
class Machine:
    """A clock that only programs move on; `busy` is how much slower the next runs are."""

    now_s: float = 0.0
    cpu_s: float = 0.0
    busy: list[float] = field(default_factory=list)
    ran: list[tuple[str, int]] = field(default_factory=list)

    def program(self, name: str, row_s: float, *, cores: int = 2, most_rows: int = 64) -> Any:
        """One whose rows take so long on so many cores."""

        def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
            if (rows := len(inputs["x"])) > most_rows:
                raise OutOfMemory("too many")
            self.ran.append((name, rows))
            took_s = rows * row_s
            self.now_s += took_s * (self.busy.pop(0) if self.busy else 1.0)
            self.cpu_s += took_s * cores
            return [inputs["x"]]

        return SimpleNamespace(run=run)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(timing, "available_cores", lambda: 2)
    clock = SimpleNamespace(
        perf_counter=lambda: made.now_s, monotonic=lambda: made.now_s, process_time=lambda: made.cpu_s
    )
    monkeypatch.setattr(timing, "time", clock)
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
    machine.busy = [3.0] * 2 * len(TIMED_ROWS)  # All of the first one's first turn.
    rounds = entered(machine, fast=0.010, slow=0.012)
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
    assert [name for name, rows in machine.ran if rows == TIMED_ROWS[1]] == ["fast", "slow"] * 2


def test_cpu_time_counts_as_much_as_the_clock(machine: Machine) -> None:
    rounds = Rounds(ROW, GUARD)
    rounds.enter(named("waits"), machine.program("waits", 0.010, cores=1))
    rounds.enter(named("busy"), machine.program("busy", 0.010, cores=2))
    assert rounds.scores[named("waits")] == pytest.approx(rounds.scores[named("busy")] * 2**0.5)


def test_parts_win_where_they_are_nearly_as_fast(machine: Machine) -> None:
    rounds = Rounds(ROW, GUARD)
    rounds.enter(named("one"), machine.program("one", 0.0100))
    rounds.enter(named("one", apart=True), machine.program("parts", 0.0105))
    rounds.enter(named("other", apart=True), machine.program("slow parts", 0.0120))
    rounds.decide()
    assert rounds.best is not None
    assert rounds.best.choice == named("one", apart=True)
    assert not max(rounds.scores, key=rounds.scores.__getitem__).apart


def test_larger_batches_of_what_is_slow_are_not_tried(machine: Machine) -> None:
    rounds = entered(machine, heavy=0.060, heavier=0.070, hopeless=1.0)
    rounds.decide()
    assert {rows for _, rows in machine.ran} == {1, 4}, "the first that takes long is the last"
    assert {rows for name, rows in machine.ran if name == "hopeless"} == {1}


def test_none_is_compared_at_sizes_that_one_has_no_memory_for(machine: Machine) -> None:
    rounds = entered(machine, one=0.001)
    rounds.enter(named("other"), machine.program("other", 0.001, most_rows=4))
    machine.ran.clear()
    rounds.decide()
    assert {rows for _, rows in machine.ran} == {1, 4}
    with pytest.raises(OutOfMemory):
        rounds.enter(named("none"), machine.program("none", 0.001, most_rows=0))


def test_without_room_for_all_each_gets_its_turns_before_it_goes(machine: Machine) -> None:
    small = replace(GUARD, room_bytes=5 * GUARD.weights_bytes)
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
