"""Steps through the batcher: in order, from the right states, whatever is cancelled, split or cut off."""

from pathlib import Path
from queue import SimpleQueue

import pytest

from horngate.contract.errors import DeadlineExceeded, HorngateError, SequenceLost, Unavailable
from horngate.server.worker.bounds import Asked
from tests.server.worker.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_steps_sent_ahead_are_computed_in_order_beside_those_of_others(world: World) -> None:
    for number, value in enumerate((1, 2, 3)):
        for id_ in (1, 2):
            world.send(value * id_, value * id_ * 10, id_=id_, start=number == 0)
    world.run()
    assert world.answers == {1: [1, 10], 2: [2, 20], 3: [3, 30], 4: [6, 60], 5: [6, 60], 6: [12, 120]}
    assert world.program.sizes == [4, 4, 4]


def test_a_step_that_is_split_goes_on_whole(tmp_path: Path) -> None:
    world = World(tmp_path, limit=2)
    for number in range(2):
        world.send(1, 2, 3, 4, 5, start=number == 0)
        world.send(7, id_=2, start=number == 0)
    world.run()
    assert world.answers == {1: [1, 2, 3, 4, 5], 2: [7], 3: [2, 4, 6, 8, 10], 4: [14]}
    assert max(world.program.sizes) == 2


def test_a_step_that_the_engine_refuses_has_not_happened_and_takes_those_behind_it_along(
    world: World,
) -> None:
    world.send(1, start=True)
    world.send(-1)
    world.send(2)
    world.send(5, id_=2, start=True)
    world.run()
    assert world.answers[1] == [1]
    assert issubclass(world.answers[2], HorngateError)
    assert world.answers[3] is SequenceLost
    assert world.answers[4] == [5]
    world.send(4)
    world.run()
    assert world.answers[5] == [5]


def test_a_step_cancelled_while_it_runs_has_not_happened(world: World) -> None:
    world.send(1, start=True)
    world.run()
    world.program.gate = SimpleQueue()
    running = world.send(2)
    behind = world.send(4)
    world.batcher.dispatch()
    world.batcher.end(running, DeadlineExceeded("the caller is gone"))
    assert world.answers[behind.request] is SequenceLost
    again = world.send(8)
    for _ in range(2):
        world.program.gate.put(None)
    world.run()
    assert world.answers[running.request] is DeadlineExceeded
    assert world.answers[again.request] == [9]


def test_what_a_lost_gateway_sent_has_not_happened_and_the_sequence_goes_on(world: World) -> None:
    world.send(1, start=True)
    world.run()
    world.program.gate = SimpleQueue()
    works = [world.send(value) for value in (2, 4, 8)]
    world.batcher.dispatch()
    world.link.open = False
    for work in works:
        world.batcher.drop(work)
    world.link = world.new_link()
    world.send(16)
    for _ in range(2):
        world.program.gate.put(None)
    world.run()
    assert world.answers == {1: [1], 5: [17]}
    assert works[0].turn is not None
    assert (works[0].turn.works, works[0].turn.doomed) == (0, 0)


def test_nothing_runs_of_what_a_lost_gateway_sent_whose_program_is_still_made(world: World) -> None:
    world.batcher.proceed = lambda work: None
    work = world.send(1, start=True)
    work.turn = work.step = None
    world.link.open = False
    world.batcher.drop(work)
    assert (work.rows, type(work.error)) == (0, Unavailable)


def test_a_deadline_that_passes_behind_another_is_told_once(world: World) -> None:
    world.send(1, start=True)
    world.send(2, deadline_s=0.0)
    world.send(4, deadline_s=0.0)
    world.send(8)
    world.run()
    assert world.answers == {1: [1], 2: DeadlineExceeded, 3: SequenceLost, 4: SequenceLost}
    world.send(16)
    world.run()
    assert world.answers[5] == [17]


def test_steps_that_wait_for_their_turn_count_in_the_queue(world: World) -> None:
    asked = Asked(rows=4, bytes=0, priority=0, left_s=None)
    world.send(1, 2, 3, 4, start=True)
    world.batcher.dispatch()  # Nothing waits in a lane.
    world.send(1, 2, 3, 4)
    assert world.batcher.refusal(world.model, asked) is None
    world.send(1, 2, 3, 4)
    refused = world.batcher.refusal(world.model, asked)
    assert refused is not None
    assert "8 rows wait; its queue holds 10" in str(refused)
    world.run()
