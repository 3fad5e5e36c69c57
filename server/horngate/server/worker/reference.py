"""The artifact's reference: inputs, and Keras's own outputs for them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from horngate.server.agreement import Agreement, worst_error
from horngate.server.artifact import AGREEMENT, REFERENCE, Artifact
from horngate.server.following import Following
from horngate.server.precision import FLOAT32
from horngate.server.worker.engines import Array, Program, Shapes

BATCH_ROWS = 8


@dataclass(frozen=True)
class Reference:
    """Inputs by name and Keras's outputs for them; and, of a model that is served as sequences, their second step.

    `states` are the names of what such a step takes.
    """

    inputs: dict[str, Array]
    outputs: list[Array]
    states: tuple[str, ...] = ()
    following: Following | None = None

    @classmethod
    def read(cls, artifact: Artifact) -> "Reference":
        """The artifact's reference; pixels, where it is seen as taking those."""
        with np.load(artifact.folder / REFERENCE, allow_pickle=False) as data:
            inputs, outputs = _answers(artifact, data)
            count = len(outputs)
            states = tuple(state.input for state in artifact.carried)
            following = Following.from_arrays(data, states=len(states), outputs=count) if states else None
        return cls(inputs, outputs, states, following)

    @classmethod
    def compared(cls, artifact: Artifact) -> "Reference":
        """The rows that engines are held against Keras on: in float32 the same, below it more."""
        if artifact.precision == FLOAT32:
            return cls.read(artifact)
        with np.load(artifact.folder / AGREEMENT, allow_pickle=False) as data:
            return cls(*_answers(artifact, data))

    def rows(self, count: int) -> dict[str, Array]:
        """The inputs repeated to `count` rows."""
        return {name: np.resize(array, (count, *array.shape[1:])) for name, array in self.inputs.items()}

    def stretched(self, shapes: Sequence[Sequence[int | None]], factor: int) -> "Reference":
        """The same with every free axis `factor` times as long; `shapes` are the inputs', None for a free axis."""
        inputs = {}
        for (name, array), shape in zip(self.inputs.items(), shapes, strict=True):
            inputs[name] = np.tile(array, [1, *(factor if size is None else 1 for size in shape[1:])])
        return Reference(inputs, [])

    def shaped(self, shapes: Shapes) -> "Reference":
        """The same with these trailing shapes, values repeated or left out."""
        inputs = {}
        for (name, array), shape in zip(self.inputs.items(), shapes, strict=True):
            times = [-(-size // max(1, own)) for size, own in zip(shape, array.shape[1:], strict=True)]
            inputs[name] = np.tile(array, [1, *times])[:, *(slice(size) for size in shape)]
        return Reference(inputs, [], self.states, self.following)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Each input's trailing shape."""
        return tuple(array.shape[1:] for array in self.inputs.values())

    @property
    def row_bytes(self) -> int:
        """What a served row takes at the least: inputs merged, inputs of the next batch, outputs and their copy."""
        return 2 * sum(array.nbytes // len(array) for array in [*self.inputs.values(), *self.outputs])

    def agreement(self, program: Program) -> Agreement:
        """How a program's answers compare with Keras's."""
        parts = [program.run(batch) for batch in self._batches()]
        results = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return Agreement.of(self.outputs, results)

    def _batches(self) -> Iterator[dict[str, Array]]:
        """The inputs, a few rows at a time: nothing is known yet of the memory that more would take."""
        rows = max(map(len, self.inputs.values()))
        for start in range(0, rows, BATCH_ROWS):
            yield {name: array[start : start + BATCH_ROWS] for name, array in self.inputs.items()}

    def error_of_step(self, program: Program) -> float:
        """The same of a program that takes a step: of its outputs, and of the states after it."""
        if self.following is None:
            return 0.0
        expected = [*self.following.outputs, *self.following.after]
        return worst_error(expected, program.run(self.inputs | self._before))

    @property
    def begin(self) -> Sequence[Array]:
        """A row of each state when a sequence begins."""
        return self.following.begin if self.following is not None else ()

    def steps(self, count: int) -> dict[str, Array]:
        """The inputs of a step of `count` rows."""
        return self.rows(count) | {
            name: np.resize(array, (count, *array.shape[1:])) for name, array in self._before.items()
        }

    @property
    def _before(self) -> dict[str, Array]:
        before = self.following.before if self.following is not None else ()
        return dict(zip(self.states, before, strict=True))


def _answers(artifact: Artifact, data: Mapping[str, Array]) -> tuple[dict[str, Array], list[Array]]:
    x, y = "uv" if artifact.pixels else "xy"
    inputs = {spec.name: _restored(data[f"{x}{i}"]) for i, spec in enumerate(artifact.spec.inputs)}
    return inputs, [_restored(data[f"{y}{i}"]) for i in range(len(artifact.spec.outputs))]


def _restored(array: Array) -> Array:
    """Strings are kept without pickle as numpy's fixed-size bytes; the engines take objects."""
    return array.astype(object) if array.dtype.kind in "SU" else array
