"""The curve of rows a second, on a machine that other work slows now and then."""

import pytest

from horngate.server.worker import curve as curves
from horngate.server.worker.curve import settled
from tests.server.worker.slow_machine import GUARD, ROW, Machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    made.keeps_time(monkeypatch, curves)
    return made


def test_a_size_that_looked_slow_for_a_busy_second_is_timed_again_beside_the_others(machine: Machine) -> None:
    machine.busy = [1.0, 2.0, 1.0]
    program = machine.program("one", 0.01)
    found = settled(program, ROW, {1: 40.0, 4: 83.0, 8: 90.0, 16: 100.0}, GUARD)
    assert found == pytest.approx({1: 40.0, 4: 100.0, 8: 100.0, 16: 100.0})
    assert [rows for _, rows in machine.ran[:6]] == [4, 8, 16] * 2


def test_it_takes_no_longer_than_needed(machine: Machine) -> None:
    settled(machine.program("steady", 0.01), ROW, {1: 40.0, 4: 100.0, 8: 100.0}, GUARD)
    assert [rows for _, rows in machine.ran] == [4, 8], "nothing became faster"
    machine.ran.clear()
    settled(machine.program("slow", 1.0), ROW, {4: 0.9, 8: 0.9}, GUARD)
    assert [rows for _, rows in machine.ran] == [4, 8], "a round takes twelve seconds"
    machine.ran.clear()
    settled(machine.program("one", 0.01), ROW, {1: 40.0, 4: 100.0}, GUARD)
    assert not machine.ran, "the others are far behind"


def test_what_has_no_memory_any_more_keeps_the_rate_that_it_had(machine: Machine) -> None:
    program = machine.program("one", 0.01, most_rows=4)
    assert settled(program, ROW, {4: 90.0, 8: 95.0}, GUARD) == pytest.approx({4: 100.0, 8: 95.0})
