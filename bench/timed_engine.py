"""An engine of fixed cost: ONNX Runtime's answers, after a time that depends on nothing but the rows.

    PYTHONPATH=bench HORNGATE_ENGINES=timed=timed_engine:Timed HORNGATE_TIMED=0.002+0.004 horngate serve …

`HORNGATE_TIMED` is seconds a batch + seconds a row, or rows a second by rows, as in `1:24,8:25`. The wait releases
the GIL as a computation would, and takes no core: so many devices can be had on few cores, and what is measured is
the server and not the engine.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence

from horngate.server.artifact import Artifact
from horngate.server.simulate.command import read_curve
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.engines.onnxruntime import OnnxRuntime


class Timed:
    """See Engine."""

    name = "timed"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "TimedProgram":
        """ONNX Runtime's program, slowed down."""
        return TimedProgram(
            OnnxRuntime().load(artifact, outputs, 1), read_seconds(os.environ["HORNGATE_TIMED"])
        )


def read_seconds(text: str) -> Callable[[int], float]:
    """What so many rows take."""
    if ":" in text:
        return read_curve(text)[0].seconds
    batch_s, row_s = map(float, text.split("+"))
    return lambda rows: batch_s + rows * row_s


class TimedProgram:
    """See Program."""

    def __init__(self, program: Program, seconds: Callable[[int], float]) -> None:
        self._program = program
        self.pool = program.pool
        self.padded = program.padded
        self.prepare = program.prepare
        self.release = program.release
        self._seconds = seconds

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The answers, once their time is over."""
        until_s = time.perf_counter() + self._seconds(next(iter(inputs.values())).shape[0])
        outputs = self._program.run(inputs)
        time.sleep(max(0.0, until_s - time.perf_counter()))
        return outputs
