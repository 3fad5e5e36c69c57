"""The models that a worker holds: calibrated, capped, with a program for each set of outputs asked for."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from horngate.server import memory
from horngate.server.artifact import Artifact
from horngate.server.worker.calibration import Calibration, calibrate, candidates
from horngate.server.worker.engines import Program, engine_named

MAX_PROGRAMS = 32


@dataclass(frozen=True, kw_only=True)
class LoadOrder:
    """What the supervisor asks of a worker: an artifact under a handle, and what the model's config says."""

    handle: str
    name: str
    version: int
    folder: str
    engine: str = "auto"
    max_rows: int | None = None


class ServedModel:
    """One loaded model. `compile` runs on the loader's thread, the rest on the worker's."""

    def __init__(self, order: LoadOrder) -> None:
        self.order = order
        self.artifact = Artifact(Path(order.folder))
        self.inputs = self.artifact.spec.inputs
        self.input_names = [spec.name for spec in self.inputs]
        self.outputs = tuple(spec.name for spec in self.artifact.spec.outputs)
        self.free_axes = any(None in spec.shape[1:] for spec in self.inputs)
        self.calibration: Calibration
        self.cap = 1
        self.dispatch_rows = 1
        self.memory_bytes = 0
        self.load_s = 0.0
        # Invariant: the least recently used program comes first.
        self.programs: OrderedDict[tuple[str, ...], Program] = OrderedDict()

    def load(self) -> None:
        """Calibrate and make the program of the model's own outputs. LoadError if no engine serves it."""
        begin = time.monotonic()
        self.calibration = calibrate(self.artifact, candidates(self.artifact, self.order.engine))
        memory.trim()
        before = memory.resident_bytes()
        self.programs[self.outputs] = self.compile(self.outputs)
        self.memory_bytes = max(0, memory.resident_bytes() - before)
        cap = self.calibration.cap(memory.available_bytes())
        self.cap = min(cap, self.order.max_rows or cap)
        self.dispatch_rows = min(self.cap, self.calibration.dispatch_rows)
        self.load_s = time.monotonic() - begin

    def compile(self, outputs: tuple[str, ...]) -> Program:
        """The program for a set of outputs, on the engine that calibration chose."""
        choice = self.calibration.choice
        return engine_named(choice.engine).load(self.artifact, outputs, choice.threads)

    def program(self, outputs: tuple[str, ...]) -> Program | None:
        """The program for these outputs if it is made already."""
        program = self.programs.get(outputs)
        if program is not None:
            self.programs.move_to_end(outputs)
        return program

    def add(self, outputs: tuple[str, ...], program: Program) -> None:
        """Keep a program; beyond MAX_PROGRAMS the least recently used goes, never the model's own."""
        self.programs[outputs] = program
        self.programs.move_to_end(self.outputs)
        if len(self.programs) > MAX_PROGRAMS:
            self.programs.popitem(last=False)

    def report(self) -> dict[str, Any]:
        """What the supervisor tells people about it."""
        return {
            "engine": str(self.calibration.choice),
            "cap": self.cap,
            "dispatch_rows": self.dispatch_rows,
            "load_s": round(self.load_s, 3),
            "memory_bytes": self.memory_bytes,
            "error": float(f"{self.calibration.error:.1e}"),
            "compared": self.calibration.compared,
        }


class Background:
    """One thread that does slow things in order, and hands each outcome to `deliver` (which must not block)."""

    def __init__(self, deliver: Callable[[Any], None]) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], Any]] | None] = SimpleQueue()
        self._deliver = deliver
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self._thread.start()

    def do(self, task: Callable[[], Any], then: Callable[[Any], Any]) -> None:
        """Run `task` here; `deliver` gets `then(result)`, a result that may be the exception raised."""
        self._tasks.put((task, then))

    def _run(self) -> None:
        while (item := self._tasks.get()) is not None:
            task, then = item
            try:
                result = task()
            except Exception as fault:
                result = fault
            self._deliver(then(result))
