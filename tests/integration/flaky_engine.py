"""Engines with faults, on ONNX Runtime's own answers; registered by tests through HORNGATE_ENGINES.

`Short` raises, on a share of its batches, what ONNX Runtime raises when an allocation fails. `Starving` ends its
process, as TensorFlow does then, on batches of more rows than it has memory for. `Slow` makes no program for layers
before the number is there.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from horngate.server.artifact import Artifact
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.engines.onnxruntime import OnnxRuntime
from horngate.server.worker.engines.out_of_memory import OutOfMemory

FAULTS = "HORNGATE_TEST_FAULTS"
"""A file with a number; there are no faults before it is there."""


class Short:
    """See Engine. For the number's share of its batches of two rows or more, memory runs out."""

    name = "short"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "Faulty":
        """ONNX Runtime's program, short of memory now and then."""
        chance = random.Random(1)

        def fault(rows: int, number: float) -> None:
            if rows > 1 and chance.random() < number:
                raise OutOfMemory("std::bad_alloc")

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Slow:
    """See Engine."""

    name = "slow"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> Program:
        """ONNX Runtime's program, for layers when it is allowed."""
        while list(outputs) != [spec.name for spec in artifact.spec.outputs] and not _allowed():
            time.sleep(0.01)
        return OnnxRuntime().load(artifact, outputs, 1)


def _allowed() -> bool:
    return Path(os.environ[FAULTS]).exists()


class Starving:
    """See Engine. A batch of more rows than the number ends its process."""

    name = "starving"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "Faulty":
        """ONNX Runtime's program, with memory for so many rows."""

        def fault(rows: int, number: float) -> None:
            if rows > number:
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Faulty:
    """See Program."""

    def __init__(self, program: Program, fault: Callable[[int, float], None]) -> None:
        self._program = program
        self._fault = fault
        self._number = Path(os.environ[FAULTS])
        self.pool = program.pool
        self.padded = program.padded
        self.prepare = program.prepare
        self.release = program.release

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The answers, or the fault."""
        if self._number.exists():
            self._fault(next(iter(inputs.values())).shape[0], float(self._number.read_text()))
        return self._program.run(inputs)
