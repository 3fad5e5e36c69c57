"""The thread that runs batches, one at a time, in the engine, which releases the GIL meanwhile."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from horngate.contract.errors import InvalidRequest
from horngate.server.worker.work import Batch


class Runner:
    """Runs what it is given, in order, and hands back what became of it through `deliver` (any thread's)."""

    def __init__(self, deliver: Callable[[list[Batch]], None]) -> None:
        self._batches: SimpleQueue[Batch] = SimpleQueue()
        self._deliver = deliver
        threading.Thread(target=self._run, name="runner", daemon=True).start()

    def run(self, batch: Batch) -> None:
        """Queue a batch."""
        self._batches.put(batch)

    def _run(self) -> None:
        while True:
            batch = self._batches.get()
            _execute(batch)
            if batch.fault is None or len(batch.shares) == 1:
                self._deliver([batch])
                continue
            singles = batch.singles()
            for single in singles:
                _execute(single)
            self._deliver(singles)


def _execute(batch: Batch) -> None:
    begin = time.perf_counter()
    try:
        batch.outputs = batch.program.run(batch.inputs)
        _check_rows(batch)
    except Exception as fault:
        batch.fault = fault
    batch.compute_s = time.perf_counter() - begin


def _check_rows(batch: Batch) -> None:
    """Outputs are dealt out by row: one that has not a row for each input row belongs to nobody."""
    for output in batch.outputs:
        if output.ndim == 0 or output.shape[0] != batch.rows:
            raise InvalidRequest(
                f"an output has shape {output.shape} for {batch.rows} rows; expected one entry a row"
            )
