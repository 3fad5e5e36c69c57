"""The engines: what turns an artifact into something that computes, behind one small Protocol."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from horngate.server.artifact import Artifact
from horngate.server.placement import Placement
from horngate.server.settings import own_engines

Array = np.ndarray[Any, np.dtype[Any]]
Shapes = tuple[tuple[int, ...], ...]
"""The trailing shape of each input."""


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine and how it is set: `threads` is how many cores one batch may use.

    They share each layer, or with `apart` the rows. `placement`, and `training` for the phase of that name, are for
    the engine `keras` alone.
    """

    engine: str
    threads: int
    apart: bool = False
    placement: Placement = ()
    training: bool = False

    def __str__(self) -> str:
        where = (
            f" with layers on {', '.join(device for device, _ in self.placement)}" if self.placement else ""
        )
        phase = " in training" if self.training else ""
        threads = f"{self.threads} x 1" if self.apart else str(self.threads)
        return f"{self.engine} ({threads} thread{'s' if self.threads > 1 and not self.apart else ''}){where}{phase}"


class Program(Protocol):
    """A loaded network for one set of outputs. One thread runs it at a time; it releases the GIL meanwhile.

    Programs of one `pool` run in the same memory: what a batch of one of them left reserved, the next batch of
    another takes.
    """

    @property
    def pool(self) -> Hashable: ...

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Outputs in the order that they were asked for; every array has the rows of the inputs.

        OutOfMemory if memory does not suffice; a smaller batch may still run.
        """

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """How many rows a batch of `rows` is computed as; more where the program is compiled for fixed sizes.

        `shapes` are the inputs' trailing shapes; nothing where no request chooses them.
        """

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """Compile for these batch sizes now, so that no batch up to the largest of them has to wait for that.

        `rows_of` makes inputs of so many rows. Nothing is done where a program takes any size.
        """

    def release(self) -> None:
        """Free what earlier batches left reserved, where the engine can; `memory.trim` returns it to the system."""


class Engine(Protocol):
    """Makes programs. Stateless but for what its library keeps."""

    name: str

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> Program:
        """A program that computes `outputs` (requestable names) and nothing beyond what they need."""


class Dividing(Protocol):
    """What an engine besides may be: one that makes programs of one thread which share their weights."""

    def apart(self, artifact: Artifact, outputs: Sequence[str], count: int) -> Sequence[Program]:
        """So many such programs, which may run at the same time."""


def program_for(choice: EngineChoice, artifact: Artifact, outputs: Sequence[str]) -> Program:
    """The program that computes `outputs` on an engine that is set like this."""
    engine = engine_named(choice.engine, choice.placement, training=choice.training)
    together = engine.load(artifact, outputs, choice.threads)
    if not choice.apart:
        return together
    from horngate.server.worker.engines.side_by_side import SideBySide

    return SideBySide(together, cast(Dividing, engine).apart(artifact, outputs, choice.threads))


def stages_of(program: Program) -> tuple[str, ...]:
    """What of a program runs where, in order; nothing unless it is placed on several devices."""
    return tuple(getattr(program, "stages", ()))


Outputs = Callable[[], list[Array]]
"""Waits for what was begun, and gives the outputs. OutOfMemory as `Program.run`."""


class Overlapping(Protocol):
    """What a program besides may be: one whose device computes by itself, while the host goes on.

    `begin(stage(inputs))()` is what `run(inputs)` is. Any number of batches may be staged meanwhile. One that has
    `begins_early` computes them in order, as soon as it can.
    """

    def stage(self, inputs: Mapping[str, Array]) -> Any:
        """Begin to bring a batch's inputs to the device; what comes back is for `begin`."""

    def begin(self, staged: Any) -> Outputs:
        """Begin to compute."""


def overlapping(program: Program) -> Overlapping | None:
    """The program, if it is one."""
    return cast(Overlapping, program) if getattr(program, "overlaps", False) else None


def begins_early(program: Program) -> bool:
    """Whether its batches begin when they are staged."""
    return bool(getattr(program, "begins_early", False))


def enqueues(program: Program) -> bool:
    """Whether it is Overlapping on a device that is not the host, which computes what is begun in order."""
    return bool(getattr(program, "enqueues", False))


class Compiling(Protocol):
    """What a program besides may be: one that is compiled for fixed shapes."""

    def most_rows(self, shapes: Shapes) -> int | None:
        """The most rows that it is compiled for, 0 if none, inputs having these trailing shapes; None: any."""

    def analysed_bytes(self, inputs: Mapping[str, Array]) -> int | None:
        """What a batch takes by the compiler's own analysis, which is found without running it; None: unknown."""


def most_rows(program: Program, shapes: Shapes) -> int | None:
    """See Compiling."""
    ask: Callable[[Shapes], int | None] | None = getattr(program, "most_rows", None)
    return ask(shapes) if ask is not None else None


def analysed_bytes(program: Program, inputs: Mapping[str, Array]) -> int | None:
    """See Compiling."""
    ask: Callable[[Mapping[str, Array]], int | None] | None = getattr(program, "analysed_bytes", None)
    return ask(inputs) if ask is not None else None


def engine_named(name: str, placement: Placement = (), *, training: bool = False) -> Engine:
    """The engine of that name; its library is imported here and nowhere else. KeyError if there is none."""
    if name == "onnxruntime":
        from horngate.server.worker.engines.onnxruntime import OnnxRuntime

        return OnnxRuntime()
    if name == "openvino":
        from horngate.server.worker.engines.openvino import OpenVino

        return OpenVino()
    if name == "keras":
        from horngate.server.worker.engines.keras import Keras
        from horngate.zoo.backend import import_keras

        import_keras()
        return Keras(placement, training=training)
    return _own_engine(name)


def _own_engine(name: str) -> Engine:
    module, _, attribute = own_engines()[name].partition(":")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine
