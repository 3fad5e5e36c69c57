"""A device that is not the host, without one: it computes by itself, in order, in a time that is set.

    PYTHONPATH=bench HORNGATE_ENGINES=apart=apart_engine:Apart HORNGATE_TIMED=0.002+0.00004 horngate serve …

What is enqueued takes `HORNGATE_TIMED`, seconds a batch + seconds a row, and no core of the host's. The answers are
ONNX Runtime's; of a batch whose rows are all alike, as under load, one is computed. So what is measured is what
the server does around a GPU.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from timed_engine import TimedProgram, read_seconds

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array, Outputs, Program
from horngate.server.worker.engines.onnxruntime import OnnxRuntime


class Apart:
    """See Engine."""

    name = "apart"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "ApartProgram":
        """ONNX Runtime's program, as a device of its own."""
        return ApartProgram(
            OnnxRuntime().load(artifact, outputs, 1), read_seconds(os.environ["HORNGATE_TIMED"])
        )


class ApartProgram(TimedProgram):
    """See Program and Overlapping."""

    overlaps = enqueues = True

    def __init__(self, program: Program, seconds: Callable[[int], float]) -> None:
        super().__init__(program, seconds)
        self._free_s = 0.0

    def stage(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """The inputs; no copy is counted."""
        return inputs

    def begin(self, staged: Mapping[str, Any]) -> Outputs:
        """Enqueue a batch behind those that are there."""
        rows = len(next(iter(staged.values())))
        begins_s = max(time.perf_counter(), self._free_s)
        self._free_s = ready_s = begins_s + self._seconds(rows)

        def outputs() -> list[Array]:
            found = self._answers(staged, rows)
            time.sleep(max(0.0, ready_s - time.perf_counter()))
            return found

        return outputs

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        return self.begin(self.stage(inputs))()

    def _answers(self, inputs: Mapping[str, Array], rows: int) -> list[Array]:
        looked_at = [array.reshape(rows, -1)[:, ::1009] for array in inputs.values()]
        if any((array != array[:1]).any() for array in looked_at):
            return self._program.run(inputs)
        one = self._program.run({name: array[:1] for name, array in inputs.items()})
        return [np.repeat(array, rows, axis=0) for array in one]
