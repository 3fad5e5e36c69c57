"""Steps through the batcher: in order, from the right states, whatever is cancelled, split or cut off."""

from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from horngate.contract.errors import DeadlineExceeded, HorngateError, SequenceLost, Unavailable
from horngate.server.costs import Curve
from horngate.server.settings import QueueSettings, SequenceSettings
from horngate.server.step import Step
from horngate.server.tallies import Tallies
from horngate.server.worker.account import Account
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.bounds import Asked
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.notes import Note
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.work import Wanted, Work
from horngate.zoo.states import State

STATE = State(layer="l", input="l/state.0", output="l/state.0.next", shape=(None, 1), dtype="float32")
HANDLE = "m/1@1"


class Sum:
    """Adds its input to its state, which is its output too; `gate` lets a batch run, if it is set."""

    pool = "test"

    def __init__(self) -> None:
        self.gate: SimpleQueue[None] | None = None
        self.sizes: list[int] = []

    def run(self, inputs: Any) -> list[Any]:
        if self.gate is not None:
            self.gate.get(timeout=10)
        self.sizes.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise ValueError("a row that the engine refuses")
        total = inputs["x"] + inputs["l/state.0"]
        return [total, total]

    def padded(self, rows: int, shapes: Any) -> int:
        return rows

    def release(self) -> None:
        """Nothing is kept."""


class Anything:
    """A metric of any kind, which nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self


class World:
    """A batcher with one model of at most `limit` rows, and the answers by request."""

    def __init__(self, folder: Path, limit: int = 8) -> None:
        anything = cast(Any, SimpleNamespace(**{name: Anything() for name in METRICS}))
        self.program = Sum()
        self.outcomes: SimpleQueue[Any] = SimpleQueue()
        self.model = cast(Any, model_of(limit))
        self.sequences = Sequences(
            Ledger(folder / "ledger"), {}, anything, "cpu", lambda: 1 << 30, lambda: None
        )
        self.batcher = Batcher(
            {HANDLE: self.model},
            self.outcomes.put,
            anything,
            Room(lambda: 1 << 40),
            Patience(Note(folder / "note")),
            "cpu",
            self.sequences,
            Account(Tallies(folder / "tally")),
        )
        self.batcher.proceed = lambda work: self.batcher.queue(self.model, work, cast(Any, self.program))
        self.answers: dict[int, Any] = {}
        self.link = self.new_link()
        self.requests = 0

    def new_link(self) -> Any:
        link = SimpleNamespace(open=True, works={})

        def reply(work: Work, arrays: list[Any]) -> None:
            link.works.pop(work.request, None)
            self.answers[work.request] = arrays[0][:, 0].tolist()

        def refuse(request: int, error: HorngateError) -> None:
            link.works.pop(request, None)
            self.answers[request] = type(error)

        link.reply, link.refuse = reply, refuse
        return link

    def send(
        self, *values: float, id_: int = 1, start: bool = False, deadline_s: float | None = None
    ) -> Work:
        """A step with a row for each value; it is not computed before `run`."""
        self.requests += 1
        step = Step(model="m", version="", id=id_, start=start)
        found = None if start else self.sequences.find(step, HANDLE)
        x = np.array(values, np.float32)[:, np.newaxis]
        work = Work(
            owner=self.link,
            request=self.requests,
            handle=HANDLE,
            outputs=("y",),
            wanted=Wanted(("y", STATE.output)),
            inputs=[x],
            total_rows=len(x),
            rows=len(x),
            arrived_s=0.0,
            deadline_s=deadline_s,
            alone=False,
            bytes=x.nbytes,
            priority=0,
            rank_s=0.0,
            turn=self.sequences.taken(step, found, self.model, len(x)),
            step=step,
        )
        self.link.works[work.request] = work
        if self.batcher.is_first(work):
            self.batcher.proceed(work)
        return work

    def run(self) -> None:
        """Until everything is answered."""
        self.batcher.dispatch()
        while self.batcher.handles:
            self.outcomes.get(timeout=10)()
            self.batcher.dispatch()


METRICS = (
    "batch_rows", "compute", "queue", "halved", "out_of_memory", "padding", "live", "bytes", "begun", "ended",
)  # fmt: skip


def model_of(limit: int) -> Any:
    order = SimpleNamespace(
        handle=HANDLE, name="m", queue=QueueSettings(rows=10), sequence=SequenceSettings(), batching="fastest"
    )
    return SimpleNamespace(
        order=order,
        labels=("m", "1"),
        carried=(STATE,),
        after=(STATE.output,),
        begin=[np.zeros((1, 1), np.float32)],
        outputs=("y",),
        inputs=lambda pixels: [SimpleNamespace(name="x")],
        states_bytes=0,
        dispatch_rows=limit,
        calibration=SimpleNamespace(
            curve={1: 100.0}, choice=SimpleNamespace(engine="test"), model=Curve({1: 1.0})
        ),
        caps=SimpleNamespace(ran=lambda rows: None, ran_out=lambda rows: None),
        artifact=SimpleNamespace(padding={}),
        shapes=lambda inputs: (),
        batch_shapes=lambda inputs, outputs: (),
        pads=lambda outputs: False,
        limit=lambda outputs, shapes: limit,
        batch_bytes=lambda program, outputs, shapes, rows: rows,
    )


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
