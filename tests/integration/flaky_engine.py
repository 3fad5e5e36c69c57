"""Engines with faults, on ONNX Runtime's own answers; registered by tests through HORNGATE_ENGINES.

`Short` raises, on a share of its batches, what ONNX Runtime raises when an allocation fails. `Starving` ends its
process, as TensorFlow does then, on batches of more rows than it has memory for. `Slow` makes no program for layers
before the number is there. `Hungry` takes so much a row. `Poisoned` has its process killed over a certain value,
wherever in a batch that is; `Hanging` never returns from a batch that holds it.
"""

import mmap
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

        def fault(array: Array, number: float) -> None:
            if len(array) > 1 and chance.random() < number:
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

        def fault(array: Array, number: float) -> None:
            if len(array) > number:
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Hungry:
    """See Engine. A batch takes the number of MiB for each of its rows, besides."""

    name = "hungry"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "Faulty":
        """ONNX Runtime's program, with an appetite."""

        def fault(array: Array, number: float) -> None:
            taken = mmap.mmap(-1, len(array) * int(number) << 20)
            for page in range(0, len(taken), mmap.PAGESIZE):
                taken[page] = 1
            taken.close()

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Poisoned:
    """See Engine. A batch that holds the number ends its process, as whoever kills it would."""

    name = "poisoned"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "Faulty":
        """ONNX Runtime's program, but for one value."""

        def fault(array: Array, number: float) -> None:
            if (array == number).any():
                os.kill(os.getpid(), signal.SIGKILL)

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Hanging:
    """See Engine. A batch that holds the number never ends."""

    name = "hanging"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "Faulty":
        """ONNX Runtime's program, but for one value."""

        def fault(array: Array, number: float) -> None:
            if (array == number).any():
                threading.Event().wait()

        return Faulty(OnnxRuntime().load(artifact, outputs, 1), fault)


class Faulty:
    """See Program."""

    def __init__(self, program: Program, fault: Callable[[Array, float], None]) -> None:
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
            self._fault(next(iter(inputs.values())), float(self._number.read_text()))
        return self._program.run(inputs)
