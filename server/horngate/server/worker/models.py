"""The models that a worker holds: calibrated, capped, with a program for each set of outputs asked for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from horngate.contract.errors import ResourceExhausted
from horngate.contract.tensors import TensorSpec
from horngate.server.artifact import KERAS, WEIGHTS, Artifact, learned_file, program_file
from horngate.server.budget import size_text
from horngate.server.placement import Placement
from horngate.server.precision import FLOAT32
from horngate.server.worker.buckets import buckets, padded_length
from horngate.server.worker.calibration import Calibration, check, check_step
from horngate.server.worker.caps import Cap
from horngate.server.worker.engines import Array, Program, Shapes, program_for, stages_of
from horngate.server.worker.engines.graphs import part_bytes
from horngate.server.worker.gauges import gauge
from horngate.server.worker.liveness import tensor_bytes
from horngate.server.worker.load_order import LoadOrder
from horngate.server.worker.memory_model import MAX_ROWS, MemoryModel
from horngate.server.worker.probe import warm
from horngate.server.worker.programs import Programs
from horngate.server.worker.reference import Reference
from horngate.server.worker.wanted import OutputNames, Wanted

MAX_LIMITS = 4096
OUTPUT_COPIES = 3

SESSION_BYTES = 16 << 20
"""What an engine holds for a program beside its weights, at the most."""

LARGEST = "largest"


class ServedModel:
    """One loaded model; `loading.load` makes it.

    `warmed` runs on the loader's thread, `compile`, `prepare` and `size_bytes` there or on the maker's, the rest on
    the worker's main one.
    """

    def __init__(self, order: LoadOrder, artifact: Artifact, calibration: Calibration) -> None:
        self.order = order
        self.artifact = artifact
        self.calibration = calibration
        self.labels = (order.name, order.title)
        self.title = "/".join(self.labels)
        self._native = replace(artifact, pixels=False)
        self.outputs = tuple(spec.name for spec in artifact.spec.outputs)
        self.free_axes = any(None in spec.shape[1:] for spec in self._native.spec.inputs)
        self.caps = Cap(
            order.max_rows or MAX_ROWS, learned_file(artifact, order.engine, gauge().limit_bytes())
        )
        if order.learned_rows is not None:
            self.caps.learn(order.learned_rows)
        # Stages hand no states on from call to call; nor does the training phase.
        self.carried = () if order.placement or order.training else artifact.carried
        self.after = tuple(state.output for state in self.carried)
        self.begin = Reference.read(artifact).begin if self.carried else ()
        # What the states of its sequences take.
        self.states_bytes = 0
        self.load_s = 0.0
        self._room_bytes = 0
        # Invariant: holds limits found since the room or the cap last changed.
        self._limits: dict[tuple[Wanted, Shapes], int] = {}
        self.programs = Programs(self._given_up)
        self.gave_up: Callable[[], None] = lambda: None

    def own(self, outputs: OutputNames) -> Wanted:
        """These outputs as most requests want them: of pixels, if the model takes pictures."""
        return Wanted(outputs=outputs, pixels=self.artifact.pixels)

    def inputs(self, *, pixels: bool) -> tuple[TensorSpec, ...]:
        """What a program takes: the model's inputs, or pixels in their place."""
        return self._seen(pixels).spec.inputs

    def _seen(self, pixels: bool) -> Artifact:
        return self.artifact if pixels else self._native

    def warmed(self, wanted: Wanted) -> Program:
        """A program that has run; the model's own two are held against Keras so. LoadError if one differs."""
        program, reference, outputs = self.compile(wanted), Reference.read(self.artifact), wanted.outputs
        if outputs == self.outputs:
            check(self.artifact, self.calibration.choice, program, self.order.allowed(self.artifact))
        elif self.carried and outputs == self.step_outputs(self.outputs):
            check_step(self.artifact, self.calibration.choice, program, self.order.allowed(self.artifact))
        else:
            warm(program, reference)
        self.prepare(program, wanted, (), self.dispatch_rows)
        return program

    @property
    def precision(self) -> str:
        """What it computes in. Only testing is ever had in less than float32."""
        return FLOAT32 if self.order.training else self.artifact.precision

    @property
    def _lowered(self) -> str:
        return "" if self.precision == FLOAT32 else f" in {self.precision}"

    def compile(self, wanted: Wanted) -> Program:
        """The program for a set of outputs, on the engine that calibration chose."""
        return program_for(self.calibration.choice, self._seen(wanted.pixels), wanted.outputs)

    def _given_up(self, wanted: Wanted) -> None:
        program_file(self._seen(wanted.pixels), wanted.outputs).unlink(missing_ok=True)
        self.gave_up()

    def size_bytes(self, wanted: Wanted) -> int:
        """An upper bound of what the program for these outputs holds: none has more than the model's own.

        On Keras, programs share the weights, but for those of steps: their layers are called in another way. Other
        engines' have a copy of those that they need.
        """
        own, weights = self.calibration.program_bytes, least_bytes(self.artifact, self.order.placement)
        if wanted.outputs == self.outputs or self.order.placement:
            return own
        if self.calibration.choice.engine == "keras":
            return own if self._takes_states(wanted) else max(own - weights, SESSION_BYTES)
        share = part_bytes(self._seen(wanted.pixels), wanted.outputs) / max(1, weights)
        return min(own, SESSION_BYTES + int(share * own))

    def step_outputs(self, outputs: OutputNames) -> OutputNames:
        """What a step's program makes where these outputs are asked for: they, and the states that follow."""
        return (*outputs, *self.after)

    def _takes_states(self, wanted: Wanted) -> bool:
        return bool(self.after) and wanted.outputs[-1] == self.after[-1]

    def prepare(self, program: Program, wanted: Wanted, shapes: Shapes, most_rows: int) -> None:
        """Compile what the program's engine compiles by shape: these trailing ones, in batches of up to so many."""
        reference = Reference.read(self._seen(wanted.pixels))
        if shapes:
            reference = reference.shaped(shapes)
        sizes = buckets(self.calibration.curve, most_rows)
        program.prepare(sizes, reference.steps if self._takes_states(wanted) else reference.rows)

    @property
    def memory_bytes(self) -> int:
        """An upper bound of what its programs hold, and the states of its sequences."""
        return self.programs.size_bytes + self.states_bytes

    @property
    def batch_room_bytes(self) -> int:
        """What a batch of the size that runs fastest takes; programs for layers leave so much."""
        rows = self.calibration.dispatch_rows
        return self.calibration.memory.bytes(min(rows, self.order.max_rows or rows))

    @property
    def cap(self) -> int:
        """The most rows of a batch."""
        return self.caps.rows

    @property
    def dispatch_rows(self) -> int:
        """The size that batches are filled to: the fastest, or with `batching = "largest"` the largest."""
        if self.order.batching == LARGEST:
            return self.cap
        return min(self.cap, self.calibration.dispatch_rows)

    @property
    def least_rows(self) -> float:
        """How many of the rows that wait go together in any case: those that run side by side; or all."""
        choice = self.calibration.choice
        return math.inf if self.order.batching == LARGEST else choice.threads if choice.apart else 1

    def shapes(self, inputs: Sequence[Array]) -> Shapes:
        """The trailing shapes of a request's inputs, where a request chooses them; else nothing."""
        return tuple(array.shape[1:] for array in inputs) if self.free_axes else ()

    def batch_shapes(self, inputs: Sequence[Array], outputs: OutputNames) -> Shapes:
        """The largest trailing shapes of a batch that these inputs ride in: requests that share them may meet."""
        shapes = self.shapes(inputs)
        if not shapes or not self.pads(outputs):
            return shapes
        names = [spec.name for spec in self.artifact.spec.inputs]
        return tuple(
            (padded_length(shape[0]), *shape[1:]) if name in self.artifact.padding else shape
            for name, shape in zip(names, shapes, strict=True)
        )

    def pads(self, outputs: OutputNames) -> bool:
        """Whether requests for these outputs are padded to one another: the model's own, if it masks padding."""
        return bool(self.artifact.padding) and set(outputs) <= set(self.outputs)

    def fit(self, room_bytes: int) -> None:
        """Take the memory that is left for batches; the cap follows."""
        self._room_bytes = room_bytes
        self._limits.clear()
        most = self.calibration.memory.rows_within(room_bytes)
        self.caps.fit(max(1, min(most, self.order.max_rows or most)))

    def limit(self, wanted: Wanted, shapes: Shapes) -> int:
        """The most rows of a batch for these outputs whose inputs have these trailing shapes."""
        return max(1, min(self.dispatch_rows, self._fits(wanted, shapes)))

    def whole_limit(self, wanted: Wanted, shapes: Shapes) -> int:
        """The most rows of a request that is not to be split, however slow so many are."""
        return max(1, min(self.cap, self._fits(wanted, shapes)))

    def _fits(self, wanted: Wanted, shapes: Shapes) -> int:
        """How many rows the memory for batches holds; 0 if not one."""
        key = (wanted, shapes)
        fits = self._limits.get(key)
        if fits is None:
            if len(self._limits) >= MAX_LIMITS:
                self._limits.clear()
            fits = self._limits[key] = self._memory_of(wanted, shapes).rows_within(self._room_bytes, shapes)
        return fits

    def batch_bytes(self, program: Program, wanted: Wanted, shapes: Shapes, rows: int) -> int:
        """An upper bound of what a batch takes, padding included."""
        return self._memory_of(wanted, shapes).bytes(program.padded(rows, shapes), shapes)

    def refusal(self, wanted: Wanted, shapes: Shapes) -> ResourceExhausted | None:
        """Why a request of these shapes is not taken, if not one row of it fits."""
        if self._fits(wanted, shapes):
            return None
        row_bytes = self._memory_of(wanted, shapes).bytes(1, shapes)
        return ResourceExhausted(
            f"model '{self.order.name}': one row of shape {', '.join(map(str, shapes)) or 'as declared'} needs up "
            f"to {size_text(row_bytes)}; {size_text(self._room_bytes)} are there for batches; send shorter inputs, "
            "ask for fewer layers, or give the server more memory (--memory)",
            reason="memory",
        )

    def _memory_of(self, wanted: Wanted, shapes: Shapes) -> MemoryModel:
        """The memory model of the program for these outputs.

        It computes no more than the model's own program does, which was probed; but what it hands out stays while
        it runs, is copied out, and is copied again on its way to the gateway. Inputs that are larger than the
        pixels which were probed are there twice, for this batch and the next.
        """
        model = self.calibration.memory
        if wanted == self.own(self.outputs):
            return model
        longest = max((size for shape in shapes for size in shape), default=1)
        specs = self.artifact.named
        kept = OUTPUT_COPIES * sum(tensor_bytes(specs[name], longest) for name in wanted.outputs)
        if wanted.pixels != self.artifact.pixels:
            kept += 2 * sum(tensor_bytes(spec, longest) for spec in self._native.spec.inputs)
        points = tuple((rows, size + rows * kept) for rows, size in model.points)
        return replace(model, points=points, row_bytes=model.row_bytes + kept)

    def report(self) -> dict[str, Any]:
        """What the supervisor tells people about it."""
        own = self.programs.get(self.own(self.outputs))
        agreement = self.calibration.agreement
        return {
            "engine": f"{self.calibration.choice}{self._lowered}",
            "cap": self.cap,
            "dispatch_rows": self.dispatch_rows,
            "load_s": round(self.load_s, 3),
            "memory_bytes": self.memory_bytes,
            "batch_bytes": self.calibration.memory.bytes(self.dispatch_rows),
            "precision": self.precision,
            "error": float(f"{agreement.error:.1e}"),
            **({} if agreement.top1 is None else {"top1": round(agreement.top1, 4)}),
            "compared_rows": agreement.rows,
            "compared": self.calibration.compared,
            "sequences": bool(self.carried),
            "sequence_idle_s": self.order.sequence.idle_s,
            **({"stages": list(stages)} if own and (stages := stages_of(own)) else {}),
        }


def least_bytes(artifact: Artifact, placement: Placement = ()) -> int:
    """The least that a program holds, known before anything is loaded: the weights.

    A placed model's are on its devices, and once more in the file's model, which every stage is a part of.
    """
    sizes: dict[str, int] = artifact.manifest.get("files", {})
    return (sizes.get(WEIGHTS) or sizes.get(KERAS) or 0) * (2 if placement else 1)
