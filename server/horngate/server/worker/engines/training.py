"""A model as Keras runs it while it is trained: with dropout, noise and the statistics of the batch at hand.

A run changes nothing: what layers would note (moving averages, states of random generators) is caught and dropped.
Its seed says where every random generator of the model begins, whichever outputs are asked for and whatever ran
before, in this process or in another.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from horngate.contract.models import ModelSpec
from horngate.server.worker.engines import Array, Shapes
from horngate.server.worker.engines.compiled import Compiled, Forward, compiled_call, input_signature
from horngate.server.worker.engines.out_of_memory import out_of_memory_told

SEED_BITS = 63


def generators_of(model: Any) -> list[Any]:
    """Every random generator of a model, once, in the order of its layers; last the one that all share."""
    from keras.src.random.seed_generator import global_seed_generator

    layers = [model, *model._flatten_layers(include_self=False)]
    found = [generator for layer in layers for generator in layer._seed_generators]
    return list({id(one.state): one for one in [*found, global_seed_generator()]}.values())


def first_states(seed: int, count: int) -> Array:
    """Where so many generators begin: an entry of its own for each, `[number, 0]`, drawn from the seed."""
    numbers = [np.random.SeedSequence([seed, place]).generate_state(1)[0] for place in range(count)]
    return np.array([[number, 0] for number in numbers], np.uint32)


def in_training(
    whole: Any, part: Any, spec: ModelSpec, *, prepare: Forward | None = None
) -> "TrainingProgram":
    """The program of `part`, a sub-model of `whole`, in the training phase; see `compiled` for `prepare`."""
    import keras

    generators = generators_of(whole)
    states = [generator.state for generator in generators]

    def forward(arrays: list[Any]) -> list[Any]:
        *inputs, begins = arrays
        mapping = [(state, keras.ops.cast(begins[place], state.dtype)) for place, state in enumerate(states)]
        with keras.StatelessScope(state_mapping=mapping):
            outputs = part(prepare(inputs) if prepare is not None else inputs, training=True)
        return list(keras.tree.flatten(outputs))

    signature = [*input_signature(spec), ((len(states), 2), np.dtype(np.uint32))]
    compiled = compiled_call(forward, signature)
    return TrainingProgram(compiled, [each.name for each in spec.inputs], len(states), whole)


class TrainingProgram:
    """See Program. Rows are never padded: layers may look at all of them. Without a seed each run draws its own."""

    pool = "keras"

    def __init__(self, compiled: Compiled, input_names: Sequence[str], generators: int, whole: Any) -> None:
        self._compiled = compiled
        self._whole = whole  # Kept open for its other parts.
        self._inputs = tuple(input_names)
        self._generators = generators

    def seeded(self, seed: int) -> "Seeded":
        """The program of one request."""
        return Seeded(self, seed)

    def run_from(self, seed: int, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs that this seed gives."""
        arrays = [inputs[name] for name in self._inputs]
        with out_of_memory_told():
            results = self._compiled.call([*arrays, first_states(seed, self._generators)])
            return [as_numpy(result) for result in results]

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        return self.run_from(secrets.randbits(SEED_BITS), inputs)

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """See Program."""
        return rows

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program. Where each size is compiled by itself, any may come."""

    def release(self) -> None:
        """See Program. No backend gives its pool back."""


class Seeded:
    """See Program: another one's, from one seed."""

    def __init__(self, program: TrainingProgram, seed: int) -> None:
        self.pool = program.pool
        self.padded, self.prepare, self.release = program.padded, program.prepare, program.release
        self._program = program
        self._seed = seed

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        return self._program.run_from(self._seed, inputs)


def as_numpy(result: Any) -> Array:
    """An output as it travels: bfloat16 as float32, which is exact."""
    array = np.asarray(result)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
