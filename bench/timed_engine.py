"""An engine of fixed cost: ONNX Runtime's answers, after a time that depends on nothing but the rows.

    PYTHONPATH=bench HORNGATE_ENGINES=timed=timed_engine:Timed HORNGATE_TIMED=0.002+0.004 horngate serve …

`HORNGATE_TIMED` is seconds a batch + seconds a row. The wait releases the GIL as a computation would, and takes
no core: so many devices can be had on few cores, and what is measured is the server and not the engine.
"""

import os
import time
from collections.abc import Mapping, Sequence

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.engines.onnxruntime import OnnxRuntime


class Timed:
    """See Engine."""

    name = "timed"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "TimedProgram":
        """ONNX Runtime's program, slowed down."""
        batch_s, row_s = map(float, os.environ["HORNGATE_TIMED"].split("+"))
        return TimedProgram(OnnxRuntime().load(artifact, outputs, 1), batch_s, row_s)


class TimedProgram:
    """See Program."""

    def __init__(self, program: Program, batch_s: float, row_s: float) -> None:
        self._program = program
        self.pool = program.pool
        self.padded = program.padded
        self.prepare = program.prepare
        self.release = program.release
        self._batch_s = batch_s
        self._row_s = row_s

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The answers, once their time is over."""
        until_s = time.perf_counter() + self._batch_s
        until_s += self._row_s * next(iter(inputs.values())).shape[0]
        outputs = self._program.run(inputs)
        time.sleep(max(0.0, until_s - time.perf_counter()))
        return outputs
