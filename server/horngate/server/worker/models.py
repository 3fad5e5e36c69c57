"""The models that a worker holds: calibrated, capped, with a program for each set of outputs asked for."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from horngate.server import memory
from horngate.server.artifact import Artifact, forget_derived, program_file
from horngate.server.settings import QueueSettings
from horngate.server.worker.calibration import Calibration, calibrate, candidates, check
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
    queue: QueueSettings = field(default_factory=QueueSettings)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> "LoadOrder":
        """Read what the supervisor sends."""
        return cls(**{**data, "queue": QueueSettings(**data["queue"])})


class ServedModel:
    """One loaded model. `load` and `compile` run on the loader's thread, the rest on the worker's main one."""

    def __init__(self, order: LoadOrder, artifact: Artifact, calibration: Calibration) -> None:
        self.order = order
        self.artifact = artifact
        self.calibration = calibration
        self.labels = (order.name, str(order.version))
        self.inputs = artifact.spec.inputs
        self.input_names = [spec.name for spec in self.inputs]
        self.outputs = tuple(spec.name for spec in artifact.spec.outputs)
        self.free_axes = any(None in spec.shape[1:] for spec in self.inputs)
        cap = calibration.cap(memory.available_bytes())
        self.cap = min(cap, order.max_rows or cap)
        self.dispatch_rows = min(self.cap, calibration.dispatch_rows)
        self.memory_bytes = 0
        self.load_s = 0.0
        # Invariant: the least recently used program comes first.
        self._programs: OrderedDict[tuple[str, ...], Program] = OrderedDict()

    @classmethod
    def load(cls, order: LoadOrder, batches_run: Callable[[], int]) -> "ServedModel":
        """Calibrate and make the program of the model's own outputs. LoadError if no engine serves it.

        What is derived from the artifact is made again, once, where it turns out to be unusable.
        `batches_run` counts: a measurement that others disturbed is used but not kept.
        """
        artifact = Artifact(Path(order.folder))
        begin = time.monotonic()
        try:
            model = cls._load(order, artifact, batches_run)
        except Exception:
            forget_derived(artifact)
            model = cls._load(order, artifact, batches_run)
        model.load_s = time.monotonic() - begin
        return model

    @classmethod
    def _load(cls, order: LoadOrder, artifact: Artifact, batches_run: Callable[[], int]) -> "ServedModel":
        before = batches_run()
        calibration = calibrate(
            artifact, candidates(artifact, order.engine), keep=lambda: batches_run() == before
        )
        memory.trim()
        resident = memory.resident_bytes()
        model = cls(order, artifact, calibration)
        program = model.compile(model.outputs)
        model.memory_bytes = max(0, memory.resident_bytes() - resident)
        check(artifact, calibration.choice, program)
        model.add(model.outputs, program)
        return model

    def compile(self, outputs: tuple[str, ...]) -> Program:
        """The program for a set of outputs, on the engine that calibration chose."""
        choice = self.calibration.choice
        return engine_named(choice.engine).load(self.artifact, outputs, choice.threads)

    def program(self, outputs: tuple[str, ...]) -> Program | None:
        """The program for these outputs if it is made already."""
        program = self._programs.get(outputs)
        if program is not None:
            self._programs.move_to_end(outputs)
        return program

    def add(self, outputs: tuple[str, ...], program: Program) -> None:
        """Keep a program; beyond MAX_PROGRAMS the least recently used goes with its file, the model's own never."""
        self._programs[outputs] = program
        self._programs.move_to_end(self.outputs)
        if len(self._programs) > MAX_PROGRAMS:
            given_up, _ = self._programs.popitem(last=False)
            program_file(self.artifact, given_up).unlink(missing_ok=True)

    def limit(self, shapes: Sequence[tuple[int, ...]]) -> int:
        """The most rows of a batch whose inputs have these trailing shapes.

        Memory was measured at the reference's sizes; on larger free axes the cap shrinks in proportion.
        """
        if not shapes:
            return self.dispatch_rows
        elements = sum(math.prod(shape) for shape in shapes)
        scaled = int(self.cap * self.calibration.row_elements / elements)
        return max(1, min(self.dispatch_rows, scaled))

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
    """One thread that does slow things in order; `deliver` takes what is to be called elsewhere."""

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]]] = SimpleQueue()
        self._deliver = deliver
        threading.Thread(target=self._run, name="loader", daemon=True).start()

    def do(self, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run `task` here, and have `then` called, elsewhere, with its result or the exception that it raised."""
        self._tasks.put((task, then))

    def _run(self) -> None:
        while True:
            task, then = self._tasks.get()
            try:
                result = task()
            except Exception as fault:
                result = fault
            self._deliver(partial(then, result))
