"""The thread that runs batches, one at a time, in the engine, which releases the GIL meanwhile.

Where nothing else is to be done, the main thread runs a brief batch itself: to wake another and be woken by it
takes longer than a tiny network does.

Where the device computes by itself, the next batch's inputs go there while this one runs; on one that is not the
host, it is begun there, too: see `flight`.

A batch that finds no memory is halved until it runs, or one row is left; one that an engine refuses is run
request by request, so that only the cause suffers.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from horngate.contract.errors import ResourceExhausted
from horngate.server.worker.engines import begins_early, enqueues, overlapping
from horngate.server.worker.engines.out_of_memory import OutOfMemory, out_of_memory_told
from horngate.server.worker.flight import Flight
from horngate.server.worker.patience import Patience
from horngate.server.worker.room import Room
from horngate.server.worker.work import Batch

Meanwhile = Callable[[], None]
"""What is done while a device computes."""


def _nothing() -> None:
    """There is nothing to do."""


class Runner:
    """Runs what it is given, in order, and hands back what became of it through `deliver` (any thread's).

    `patience` is told what runs.
    """

    def __init__(self, deliver: Callable[[list[Batch]], None], room: Room, patience: Patience) -> None:
        self._batches: SimpleQueue[tuple[Batch, Any]] = SimpleQueue()
        # The runner's thread owns it, others look: the batch that has room and runs.
        self._running: Batch | None = None
        # The runner's thread owns it: the batch that is next, its inputs on the device if they could go there.
        self._next: tuple[Batch, Any] | None = None
        self._deliver = deliver
        self._room = room
        self._patience = patience
        self._flight = Flight(deliver, self._run_by_itself, room, patience)
        threading.Thread(target=self._run, name="runner", daemon=True).start()

    def run(self, batch: Batch) -> None:
        """Queue a batch. Where its program can, it begins behind the one before it, which may still run."""
        self._batches.put((batch, _begun(batch, self._running)))

    def run_here(self, batch: Batch) -> list[Batch] | None:
        """Run a batch on the caller's thread, and say what became of it; None if that would have to wait.

        Only while nothing else that was queued is under way.
        """
        if not self._room.alone.acquire(blocking=False):
            return None
        try:
            return self._outcome(batch)
        finally:
            self._room.alone.release()

    def _run(self) -> None:
        while True:
            # Of what ran, nothing is kept here while nothing comes: a model may be gone by then.
            self._run_next(*(self._next or self._batches.get()))

    def _run_by_itself(self, batch: Batch) -> None:
        batch.by_itself = True
        self._batches.put((batch, None))

    def _run_next(self, batch: Batch, staged: Any) -> None:
        self._next = None
        alone = batch.by_itself or batch.is_alone or batch.shares[0].work.seed is not None
        program = overlapping(batch.program) if enqueues(batch.program) and not alone else None
        if program is not None:
            self._flight.begin(batch, program)
            return
        self._flight.land()
        self._patience.waits(batch)
        with self._room.alone:
            done = self._outcome(batch, staged, self._stage_next)
        self._deliver(done)

    def _stage_next(self) -> None:
        """Have the inputs of the batch that is next on their way; the memory model counts them beside this one."""
        try:
            batch, staged = self._batches.get_nowait()
        except Empty:
            return
        if staged is None and not enqueues(batch.program):
            staged = _begun(batch, self._running) if begins_early(batch.program) else _staged(batch)
        self._next = batch, staged

    def _outcome(self, batch: Batch, staged: Any = None, meanwhile: Meanwhile = _nothing) -> list[Batch]:
        """What became of a batch, or why nothing could: whoever runs it has to go on."""
        try:
            return self._survive(batch, staged, meanwhile)
        except Exception as fault:
            batch.fault = fault
            return [batch]

    def _survive(self, batch: Batch, staged: Any = None, meanwhile: Meanwhile = _nothing) -> list[Batch]:
        """What became of a batch: itself, or the parts that it was run in."""
        if batch.rows > 1 and not self._room.make(batch.program, batch.needed_bytes(batch.rows)):
            if batch.may_halve:
                return self._halved(batch, was_run=False)
            batch.fault = _too_large(batch, "its memory is taken")
            self._patience.ended(batch)
            return [batch]
        self._patience.begins(batch)
        self._running = batch
        _execute(batch, staged, meanwhile)
        self._running = None
        self._patience.ended(batch)
        if isinstance(batch.fault, OutOfMemory):
            self._room.give_back()
            if batch.may_halve:
                return self._halved(batch, was_run=True)
            batch.short_rows = batch.rows
            batch.fault = _too_large(batch, batch.fault)
        elif batch.fault is not None and len(batch.shares) > 1:
            return [part for single in batch.singles() for part in self._survive(single)]
        return [batch]

    def _halved(self, batch: Batch, *, was_run: bool) -> list[Batch]:
        first, second = batch.halves()
        parts = [*self._survive(first), *self._survive(second)]
        parts[0].halved += 1
        if was_run:
            parts[0].short_rows = max(batch.rows, parts[0].short_rows)
        return parts


def _begun(batch: Batch, running: Batch | None) -> Any:
    """A batch begun behind the one that runs; None if it has to wait for its turn.

    It needs no other memory than that one where it is of the same program, with no more rows: however many batches
    there are, few parts run at once.
    """
    if running is None or not begins_early(batch.program):
        return None
    is_alike = running.program is batch.program and batch.rows <= running.rows
    return _staged(batch) if is_alike else None


def _staged(batch: Batch) -> Any:
    """What goes on by itself of a batch, begun.

    Without memory for that, or with inputs that do not go: it is found, and told, in the batch's own turn.
    """
    program = overlapping(batch.program)
    with suppress(Exception):
        return program.stage(batch.merged()) if program is not None else None
    return None


def _execute(batch: Batch, staged: Any, meanwhile: Meanwhile) -> None:
    batch.began_s = time.monotonic()
    begin = time.perf_counter()
    try:
        with out_of_memory_told():
            program = overlapping(batch.program)
            if program is None:
                outputs = batch.program.run(batch.merged())
            else:
                begun = program.begin(program.stage(batch.merged()) if staged is None else staged)
                meanwhile()
                outputs = begun()
        batch.take(outputs)
    except Exception as fault:
        batch.fault = fault
        batch.inputs = None  # Halves read the requests themselves; the merged copy is in their way.
    batch.compute_s = time.perf_counter() - begin


def _too_large(batch: Batch, why: Exception | str) -> ResourceExhausted:
    what = "one row needs" if batch.rows == 1 else f"{batch.rows} rows, which are not to be split, need"
    return ResourceExhausted(f"{what} more memory than there is: {why}", reason="memory")
