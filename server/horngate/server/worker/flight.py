"""Batches on a device that computes by itself: the next is begun before the last one's outputs are here.

So the device never waits for the host: what it is to compute next is enqueued, its inputs copied beside what runs.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from horngate.server.worker.engines import Outputs, Overlapping
from horngate.server.worker.engines.out_of_memory import out_of_memory_told
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.work import Batch

LONGEST_S = 0.5
"""Whoever waits to measure another program waits no longer: then what is under way ends before more begins."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A batch under way, since `began`, and what waits for its outputs."""

    batch: Batch
    outputs: Outputs
    began: float


class Flight:
    """Begins batches on the runner's thread, and collects their outputs on its own.

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
        self._begun: SimpleQueue[Begun] = SimpleQueue()
        self._changed = threading.Condition()
        # Invariant: room.alone is held while _count, of the batches under way, is not 0; it changes under _changed.
        self._count = 0
        self._since_s = 0.0
        self._collector: threading.Thread | None = None

    def begin(self, batch: Batch, program: Overlapping) -> None:
        """Begin a batch behind those that are under way; one that cannot goes to `alone`."""
        if self._since_s + LONGEST_S < time.monotonic():
            self.land()
        self._enter(batch)
        try:
            begun = self._enqueued(batch, program)
        except Exception:  # It is found again, and told, when it runs by itself.
            begun = None
        if begun is None:
            self._leave()
            self._alone(batch)
        else:
            self._begun.put(begun)

    def land(self) -> None:
        """Wait until nothing is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count)

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

    def _enqueued(self, batch: Batch, program: Overlapping) -> Begun | None:
        """The batch begun; None if there is no room for it beside the others."""
        if batch.rows > 1 and not self._room.make(batch.program, batch.needed_bytes(batch.rows)):
            return None
        begin = time.perf_counter()
        inputs = batch.merged()
        batch.input_s += time.perf_counter() - begin
        batch.began_s, began = time.monotonic(), time.perf_counter()
        with out_of_memory_told():
            begun = Begun(batch=batch, outputs=program.begin(program.stage(inputs)), began=began)
        if self._collector is None:
            self._collector = threading.Thread(target=self._collect, name="collector", daemon=True)
            self._collector.start()
        return begun

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
