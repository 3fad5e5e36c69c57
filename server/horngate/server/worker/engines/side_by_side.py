"""A batch in parts, side by side: each part on one thread, as many at once as there are cores.

Threads that share every layer wait for one another at the end of each, thousands of times a second: whatever
else runs on one of their cores holds all of them up. Those that share only the rows of a batch meet at its end, and
not even there while the parts of the next batch wait.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, partial
from itertools import pairwise
from queue import SimpleQueue

import numpy as np

from horngate.server.settings import available_cores
from horngate.server.worker.engines import Array, Outputs, Program, Shapes

PART_ROWS = 4
"""The most rows of a part: more are no faster, and in small parts layers hand each other more within the caches."""

WORTH = 1.5
"""A batch goes in parts if the cores together have time for no more than so many times its rows."""

Inputs = Mapping[str, Array]


class SideBySide:
    """A program whose batches begin in the order in which they are staged; all such programs share their threads.

    `together` runs what is too small for parts on all cores. `apart` are programs of one thread, one for each core,
    which may run at the same time.
    """

    overlaps = True
    begins_early = True

    def __init__(self, together: Program, apart: Sequence[Program]) -> None:
        self.pool = together.pool
        self._together = together
        self._apart = apart
        self._is_warm = False
        # Invariant: holds the programs of `apart` that no thread runs now.
        self._idle: SimpleQueue[Program] = SimpleQueue()
        for program in apart:
            self._idle.put(program)

    def run(self, inputs: Inputs) -> list[Array]:
        """See Program."""
        return self.begin(self.stage(inputs))()

    def stage(self, inputs: Inputs) -> Outputs:
        """See Overlapping. The parts begin as soon as those of earlier batches leave a core."""
        if not self._is_warm:
            self._warm({name: array[:1] for name, array in inputs.items()})
        parts = parts_of(len(next(iter(inputs.values()))), len(self._apart))
        if len(parts) == 1:
            return partial(self._together.run, inputs)
        begun = [_threads().submit(self._run_part, cut(inputs, part)) for part in parts]
        return partial(_joined, begun)

    def begin(self, staged: Outputs) -> Outputs:
        """See Overlapping."""
        return staged

    def _warm(self, row: Inputs) -> None:
        """Have the programs make now what each makes when it first runs."""
        for program in self._apart:
            program.run(row)
        self._is_warm = True

    def _run_part(self, inputs: Inputs) -> list[Array]:
        program = self._idle.get()
        try:
            return program.run(inputs)
        finally:
            self._idle.put(program)

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """See Program."""
        return rows

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Inputs]) -> None:
        """See Program."""

    def release(self) -> None:
        """See Program."""
        for program in {id(each): each for each in (self._together, *self._apart)}.values():
            program.release()


def parts_of(rows: int, cores: int) -> list[slice]:
    """The rows of each part: so many that all cores are busy to the end. One part is the batch as it is."""
    count = cores * -(-rows // (cores * PART_ROWS))
    largest = -(-rows // count)
    if rows < cores or largest * count > WORTH * rows:
        return [slice(0, rows)]
    bounds = [rows * at // count for at in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def cut(inputs: Inputs, part: slice) -> Inputs:
    """Some of the rows, views."""
    return {name: array[part] for name, array in inputs.items()}


def _joined(begun: Sequence["Future[list[Array]]"]) -> list[Array]:
    """The outputs of all rows, in order; none is left running where one fails."""
    wait(begun)
    return [np.concatenate(arrays) for arrays in zip(*(part.result() for part in begun), strict=True)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(available_cores(), thread_name_prefix="parts")
