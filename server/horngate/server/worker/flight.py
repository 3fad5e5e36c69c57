"""Batches on a device that computes by itself: the next is begun before the last one's outputs are here.

So the device never waits for the host: what it is to compute next is enqueued, its inputs copied beside what runs.
Merging a batch's requests, enqueueing it and waiting for its outputs are a thread's work each: one alone would take
longer over them than the device over the batch.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from horngate.server.worker.engines import Outputs, Overlapping
from horngate.server.worker.engines.out_of_memory import out_of_memory_told
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.work import Batch

LONGEST_S = 0.5
"""Whoever waits to measure another program waits no longer: then what is under way ends before more begins."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A batch whose inputs are on their way to the device."""

    batch: Batch
    program: Overlapping
    inputs: Any


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A batch under way, since `began`, and what waits for its outputs."""

    batch: Batch
    outputs: Outputs
    began: float


class Flight:
    """Merges batches on the runner's thread, begins them and collects their outputs on two of its own.

    `deliver` hears of what has run; `alone` of those that could not be run beside others, or had a fault: they are
    to be run by themselves.
    """

    def __init__(
        self,
        deliver: Callable[[list[Batch]], None],
        alone: Callable[[Batch], None],
        room: Room,
        patience: Patience,
    ) -> None:
        self._deliver = deliver
        self._alone = alone
        self._room = room
        self._patience = patience
        self._staged: SimpleQueue[Staged] = SimpleQueue()
        self._begun: SimpleQueue[Begun] = SimpleQueue()
        self._changed = threading.Condition()
        # Invariant: room.alone is held while _count, of the batches under way, is not 0; it changes under _changed.
        self._count = 0
        self._since_s = 0.0
        self._is_going = False

    def begin(self, batch: Batch, program: Overlapping) -> None:
        """Begin a batch behind those that are under way; one that cannot goes to `alone`."""
        if self._room.alone.is_wanted and self._since_s + LONGEST_S < time.monotonic():
            self.land()
        self._enter(batch)
        try:
            staged = self._on_its_way(batch, program)
        except Exception:  # It is found again, and told, when it runs by itself.
            staged = None
        if staged is None:
            self._give_up(batch)
        else:
            self._start()
            self._staged.put(staged)

    def land(self) -> None:
        """Wait until nothing is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count)

    def _start(self) -> None:
        if not self._is_going:
            self._is_going = True
            for name, work in (("enqueuer", self._enqueue), ("collector", self._collect)):
                threading.Thread(target=work, name=name, daemon=True).start()

    def _enter(self, batch: Batch) -> None:
        with self._changed:
            self._count += 1
            is_first = self._count == 1
        if is_first:
            self._patience.waits(batch)
            self._room.alone.acquire()
            self._since_s = time.monotonic()

    def _leave(self) -> None:
        with self._changed:
            self._count -= 1
            if not self._count:
                self._room.alone.release()
                self._changed.notify_all()

    def _give_up(self, batch: Batch) -> None:
        self._leave()
        self._alone(batch)

    def _on_its_way(self, batch: Batch, program: Overlapping) -> Staged | None:
        """The batch merged; None if there is no room for it beside the others."""
        if batch.rows > 1 and not self._room.make(batch.program, batch.needed_bytes(batch.rows)):
            return None
        begin = time.perf_counter()
        inputs = batch.merged()
        batch.input_s += time.perf_counter() - begin
        with out_of_memory_told():
            return Staged(batch=batch, program=program, inputs=program.stage(inputs))

    def _enqueue(self) -> None:
        while True:
            staged = self._staged.get()
            batch = staged.batch
            batch.began_s, began = time.monotonic(), time.perf_counter()
            try:
                with out_of_memory_told():
                    outputs = staged.program.begin(staged.inputs)
            except Exception:
                self._give_up(batch)
            else:
                self._begun.put(Begun(batch=batch, outputs=outputs, began=began))
            del staged, batch  # A model may be gone before the next comes.

    def _collect(self) -> None:
        last_ended = 0.0
        while True:
            begun = self._begun.get()
            batch = begun.batch
            self._patience.begins(batch)
            try:
                batch.take(begun.outputs())
                is_run = True
            except Exception:
                is_run = False
            ended = time.perf_counter()
            batch.compute_s = ended - max(begun.began, last_ended)
            last_ended = ended
            self._patience.ended(batch)
            self._leave()
            if is_run:
                self._deliver([batch])
            else:
                self._alone(batch)
            del begun, batch
