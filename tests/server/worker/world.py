"""A batcher with a model that adds, and what it answers."""

from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from prometheus_client import Histogram

from horngate.contract.errors import HorngateError
from horngate.server.costs import Curve
from horngate.server.settings import QueueSettings, SequenceSettings
from horngate.server.step import Step
from horngate.server.tallies import Tallies
from horngate.server.worker.account import Account
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.ledger import Ledger
from horngate.server.worker.notes import Note
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Work
from horngate.zoo.states import State
from tests.server.worker.requests import work_of

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
        total = inputs["x"] + inputs.get(STATE.input, 0)
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
        figures: dict[str, Any] = {name: Anything() for name in METRICS}
        figures["queue"] = Histogram("queue", "Waits.", ("model", "version"), registry=None)
        self.figures = figures
        anything = cast(Any, SimpleNamespace(**figures))
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
        # The first column of each request's answer, or what it was refused with.
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
        work = work_of(
            x,
            owner=self.link,
            request=self.requests,
            handle=HANDLE,
            outputs=("y",),
            wanted=Wanted(("y", STATE.output)),
            deadline_s=deadline_s,
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
    "batch_rows", "compute", "halved", "out_of_memory", "padding", "live", "bytes", "begun", "ended",
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
        least_rows=1,
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
