"""Sequences between their steps: which step is taken, what is said of those that are gone, what is counted."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from horngate.contract.errors import (
    InvalidRequest,
    ResourceExhausted,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
)
from horngate.server.elsewhere import Elsewhere
from horngate.server.settings import SequenceSettings
from horngate.server.step import Step
from horngate.server.worker.ledger import Ledger, read_ledger
from horngate.server.worker.sequence import Sequence
from horngate.server.worker.sequences import Sequences
from horngate.zoo.states import State
from tests.server.worker.figures import Figures

STATE = State(layer="l", input="l/state.0", output="l/state.0.next", shape=(None, 3), dtype="float32")


class World:
    """Sequences of one model in two versions, and memory for so much."""

    def __init__(self, folder: Path, lost: Any = None, left_bytes: int = 1 << 30, **settings: Any) -> None:
        self.file = folder / "ledger"
        self.metrics = SimpleNamespace(live=Figures(), bytes=Figures(), begun=Figures(), ended=Figures())
        self.changes = 0
        self.left_bytes = left_bytes
        self.sequences = Sequences(
            Ledger(self.file), lost or {}, self.metrics, "cpu", lambda: self.left_bytes, self.changed
        )  # type: ignore[arg-type]
        self.one, self.two = (
            SimpleNamespace(
                order=SimpleNamespace(handle=f"m/{version}@1", sequence=SequenceSettings(**settings)),
                labels=("m", version),
                carried=(STATE,),
                begin=[np.zeros((1, 3), np.float32)],
                states_bytes=0,
            )
            for version in ("1", "2")
        )

    def changed(self) -> None:
        self.changes += 1

    def begin(self, id_: int | str = 7, rows: int = 2, model: Any = None, **said: Any) -> Sequence:
        step = Step(model="m", version="", id=id_, start=True, number=1, **said)
        taken = self.sequences.taken(step, None, model or self.one, rows)
        self.enter(taken, step)
        self.sequences.answered(taken, step, failed=False)
        return taken

    def enter(self, sequence: Sequence, step: Step) -> None:
        self.sequences.entered(sequence, step)

    def find(self, id_: int | str = 7, version: str = "", number: int = 0, handle: str = "m/1@1") -> Sequence:
        return self.sequences.find(Step(model="m", version=version, id=id_, number=number), handle)


def test_ids_of_either_kind_name_sequences_of_their_own(tmp_path: Path) -> None:
    world = World(tmp_path)
    number, text = world.begin(7), world.begin("7")
    assert world.find(7) is number
    assert world.find("7") is text
    assert world.metrics.live.values["m", "1", "cpu"] == 2


def test_rows_are_as_many_as_at_the_beginning(tmp_path: Path) -> None:
    world = World(tmp_path)
    begun = world.begin(rows=2)
    step = Step(model="m", version="", id=7)
    assert world.sequences.taken(step, world.find(), world.one, 2) is begun  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="received 3 rows; expected 2"):
        world.sequences.taken(step, world.find(), world.one, 3)  # type: ignore[arg-type]


def test_numbered_steps_are_taken_once_and_in_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    begun = world.begin()
    second = Step(model="m", version="", id=7, number=2)
    world.enter(world.find(number=2), second)
    with pytest.raises(SequenceLost, match="step 2, which was computed before; expected step 3"):
        world.find(number=2)
    with pytest.raises(InvalidRequest, match="received step 4; expected step 3"):
        world.find(number=4)
    world.sequences.fails(
        begun, second
    )  # It will not happen, though its rows still run: it may be sent again.
    assert world.find(number=2) is begun
    world.sequences.answered(begun, second, failed=True)
    assert world.find(number=2) is begun


def test_a_step_written_for_another_version_is_sent_there(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.begin()
    with pytest.raises(Elsewhere, match="m/1@1"):
        world.find(handle="m/2@2")
    with pytest.raises(SequenceUnknown):
        world.find(version="2")
    assert world.find(version="1")


def test_a_second_start_replaces_the_sequence_on_whatever_version(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.begin()
    step = Step(model="m", version="", id=7)
    world.enter(first, step)
    second = world.begin(model=world.two)
    assert world.find(handle="m/2@1") is second
    assert world.sequences.handles == {"m/1@1", "m/2@1"}
    world.sequences.answered(first, step, failed=False)
    assert world.sequences.handles == {"m/2@1"}
    assert world.metrics.ended.values["m", "1", "replaced"] == 1
    assert read_ledger(world.file) == {("m", 7): "2"}


def test_the_end_is_the_end_unless_it_fails(tmp_path: Path) -> None:
    world = World(tmp_path)
    begun = world.begin()
    last = Step(model="m", version="", id=7, end=True)
    world.enter(begun, last)
    with pytest.raises(SequenceUnknown, match="has ended"):
        world.find()
    world.sequences.fails(begun, last)
    world.sequences.answered(begun, last, failed=True)
    assert world.find() is begun
    world.enter(begun, last)
    world.sequences.answered(begun, last, failed=False)
    with pytest.raises(SequenceUnknown, match="has ended"):
        world.find()
    assert world.sequences.handles == set()
    assert world.sequences.next_s is None
    assert read_ledger(world.file) == {}


def test_a_first_step_that_fails_takes_the_sequence_with_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    step = Step(model="m", version="", id=7, start=True)
    begun = world.sequences.taken(step, None, world.one, 1)  # type: ignore[arg-type]
    world.enter(begun, step)
    world.sequences.fails(begun, step)
    world.sequences.answered(begun, step, failed=True)
    with pytest.raises(SequenceUnknown):
        world.find()
    assert world.sequences.handles == set()


def test_idle_sequences_expire_and_busy_ones_do_not(tmp_path: Path) -> None:
    world = World(tmp_path, idle_s=5.0)
    now_s = time.monotonic()
    world.begin("idle")
    busy = world.begin("busy")
    world.enter(busy, Step(model="m", version="", id="busy"))
    assert world.sequences.next_s == pytest.approx(now_s + 5, abs=0.5)
    world.sequences.expire(now_s + 4)
    assert world.find("idle")
    world.sequences.expire(now_s + 6)
    with pytest.raises(
        SequenceExpired, match="'idle' had no step for too long and has expired; begin it anew"
    ):
        world.find("idle")
    assert world.find("busy") is busy
    assert world.metrics.ended.values["m", "1", "expired"] == 1
    assert world.begin("idle")


def test_those_of_a_worker_before_are_lost_and_no_others(tmp_path: Path) -> None:
    world = World(tmp_path, lost={("m", 7): "1"})
    with pytest.raises(SequenceLost, match="lost when its worker ended"):
        world.find(7)
    with pytest.raises(SequenceUnknown, match="is not there; a sequence begins with sequence_start"):
        world.find(8)
    assert world.metrics.ended.values["m", "1", "lost"] == 1


def test_memory_and_number_are_bounded_and_a_refusal_costs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, most=2)
    world.begin(1)
    world.begin(2)
    assert world.changes == 1
    with pytest.raises(ResourceExhausted, match=r"2 are under way, and model\.toml allows 2"):
        world.begin(3)
    again = world.begin(2)
    assert world.find(2) is again
    world = World(tmp_path, left_bytes=1 << 20)
    world.begin(1, rows=64)
    held = world.one.states_bytes
    assert 0 < held < 1 << 20
    world.left_bytes = held
    before = world.find(1)
    with pytest.raises(ResourceExhausted, match="they may take half of the"):
        world.begin(1, rows=200)
    assert world.find(1) is before
    assert world.one.states_bytes == held


def test_a_model_that_is_unloaded_has_no_states(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sequences.end(world.begin(1))
    assert world.metrics.bytes.values["m", "1", "cpu"] > 0
    world.sequences.forget(world.one.order.handle)
    assert world.metrics.bytes.values["m", "1", "cpu"] == 0
