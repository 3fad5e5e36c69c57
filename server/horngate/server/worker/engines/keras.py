"""Keras itself, on whichever backend it runs: the reference, and what serves where no ONNX form exists.

Where each number of rows is compiled by itself, batches are padded to a few sizes that are compiled before the
model is ready.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from horngate.contract.tensors import numpy_dtype
from horngate.server.artifact import KERAS, Artifact
from horngate.server.placement import Placement
from horngate.server.precision import BFLOAT16
from horngate.server.worker.buckets import ladder
from horngate.server.worker.engines import Array, Outputs, Shapes
from horngate.server.worker.engines.ahead import is_apart, keep_compiled
from horngate.server.worker.engines.backend_devices import check_gpu
from horngate.server.worker.engines.compiled import (
    Compiled,
    Forward,
    compiled,
    compiled_call,
    input_signature,
)
from horngate.server.worker.engines.lowered import computed_in_bfloat16
from horngate.server.worker.engines.nameless import nameless_variables
from horngate.server.worker.engines.open_files import hold
from horngate.server.worker.engines.out_of_memory import out_of_memory_told
from horngate.server.worker.engines.training import TrainingProgram, as_numpy, in_training

MAX_LADDER = 1 << 16
COMPILED = "compiled"
"""Beside the artifacts: what JAX compiled for a GPU, of all models."""

MAX_SHAPES = 32
"""So many trailing shapes are compiled for; the least recently used is compiled anew when it comes again."""


_OPEN: WeakValueDictionary[tuple[Path, bool], Any] = WeakValueDictionary()
"""The files that are open, for as long as a program needs them: all of one file share its weights.

What is trained, and what is not, are two: a layer of somebody's own may keep what Keras does not know of.
"""


class Keras:
    """Programs run in testing mode, or in `training`. Keras must have been imported; see `import_keras`.

    With a `placement`, layers compute on the devices that it names, and the file is opened in the host's memory.
    """

    name = "keras"

    def __init__(self, placement: Placement = (), *, training: bool = False) -> None:
        self._placement = placement
        self._training = training

    def load(
        self, artifact: Artifact, outputs: Sequence[str], threads: int
    ) -> "KerasProgram | TrainingProgram":
        """A compiled call of the sub-model that computes the outputs."""
        import keras

        from horngate.zoo.submodel import submodel

        check_gpu()
        if keras.backend.backend() == "jax":
            keep_compiled(artifact.folder.parent / COMPILED)
        names = [spec.name for spec in artifact.spec.inputs]
        carried = [state for state in artifact.carried if state.output in outputs]
        if carried:
            taken = [*names, *(state.input for state in carried)]
            return KerasProgram(_stepping(artifact, outputs), taken, states=len(carried))
        prepare = _preparation(artifact)
        if not self._placement:
            whole = self._opened(artifact)
            part = submodel(whole, outputs)
            if self._training:
                return in_training(whole, part, artifact.spec, prepare=prepare)
            return KerasProgram(compiled(part, artifact.spec, prepare=prepare), names, whole)
        from horngate.server.worker.engines.stages import placed

        with keras.device("cpu:0"):
            whole = self._opened(artifact)
            part = submodel(whole, outputs)
        stages = placed(whole, part, self._placement)
        return KerasProgram(_prepared(stages, prepare, artifact) if prepare else stages, names, whole)

    def _opened(self, artifact: Artifact) -> Any:
        key = (artifact.folder, self._training)
        model = _OPEN.get(key)
        if model is None:
            model = _OPEN[key] = _opened(artifact, training=self._training)
            if is_slow_to_open():
                hold(model)
        return model


def is_slow_to_open() -> bool:
    """Whether a file takes seconds: JAX compiles for a device what makes each weight's first values."""
    import keras

    return bool(keras.backend.backend() == "jax") and is_apart()


def _preparation(artifact: Artifact) -> Forward | None:
    """How pixels become the model's input, where the artifact is seen as taking those."""
    image = artifact.image
    if not artifact.pixels or image is None:
        return None
    from horngate.zoo.images.tensors import scaled

    native = replace(artifact, pixels=False).spec.inputs[0]
    return lambda arrays: [scaled(arrays[0], image, str(numpy_dtype(native.datatype)))]


def _prepared(stages: Compiled, prepare: Forward, artifact: Artifact) -> Compiled:
    """Stages whose input is prepared on the backend's first device."""
    first = compiled_call(prepare, input_signature(artifact.spec))
    return replace(
        stages, call=lambda arrays: stages.call(first.call(arrays)), fixed=stages.fixed or first.fixed
    )


def _stepping(artifact: Artifact, outputs: Sequence[str]) -> Compiled:
    """The model's call from given states. All of the model is computed, so that all of its states go on."""
    from horngate.zoo.stateful import keepers_of, step
    from horngate.zoo.submodel import submodel

    model, states = _opened(artifact), artifact.carried
    kept = keepers_of(model, states)
    after = [state.output for state in states]
    asked = [name for name in outputs if name not in after]
    own = [spec.name for spec in artifact.spec.outputs if spec.name not in asked]
    part = submodel(model, [*asked, *own])
    count = len(artifact.spec.inputs)

    def forward(arrays: list[Any]) -> list[Any]:
        results, left = step(part, kept, arrays[:count], arrays[count:])
        made = dict(zip([*asked, *own, *after], [*results, *left], strict=True))
        return [made[name] for name in outputs]

    signature = [*input_signature(artifact.spec), *((state.shape, state.dtype) for state in states)]
    return compiled_call(forward, signature)


def _opened(artifact: Artifact, *, training: bool = False) -> Any:
    """The artifact's model, to compute in its precision; the training phase is always had in the file's own."""
    from horngate.zoo.files import load
    from horngate.zoo.files.custom import resolve

    objects = artifact.objects
    folder = Path(objects["modules"]) if objects["modules"] else None
    custom = resolve(objects["custom_objects"], folder)
    with nameless_variables():
        model = load(artifact.folder / KERAS, custom_objects=custom, allow_code=objects["allow_code"])
    if artifact.precision == BFLOAT16 and not training:
        computed_in_bfloat16(model)
    return model


Staged = tuple[int, list[Any]]
"""The rows of a batch, and its arrays, filled up to a size that is compiled, on their way to the device."""


class KerasProgram:
    """A compiled model. Its batches run in the memory of the process, or in the backend's own pool on a GPU."""

    pool = "keras"

    def __init__(
        self, compiled: Compiled, input_names: Sequence[str], whole: Any = None, *, states: int = 0
    ) -> None:
        self._compiled = compiled
        self._whole = whole  # Kept open for its other parts.
        self._inputs = tuple(input_names)
        self._states = states  # So many of the inputs, the last.
        # Invariant: sizes ascend; the trailing shapes that were least recently prepared come first.
        self._sizes: OrderedDict[Shapes, tuple[int, ...]] = OrderedDict()
        self.stages = compiled.stages

    def padded(self, rows: int, shapes: Shapes = ()) -> int:
        """See Program. Beyond the prepared sizes the steps are those of `ladder`."""
        if not self._compiled.fixed:
            return rows
        prepared = next((size for size in self._prepared(shapes) if size >= rows), None)
        return prepared or next((size for size in ladder(MAX_LADDER) if size >= rows), rows)

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program. Any thread may ask where the backend compiles without running."""
        if not self._compiled.fixed:
            return
        for size in sizes:
            arrays = self._arrays(rows_of(size))
            if self._compiled.ahead is not None:
                self._compiled.ahead.compile(arrays)
            else:
                self._compiled.call(arrays)
        # Only now: a batch that runs meanwhile is not to be padded to what is not there yet.
        self._sizes[self._shapes(arrays)] = tuple(sorted(sizes))
        self._sizes.move_to_end(self._shapes(arrays))
        if len(self._sizes) > MAX_SHAPES:
            self._sizes.popitem(last=False)

    def most_rows(self, shapes: Shapes) -> int | None:
        """See Compiling."""
        return max(self._prepared(shapes), default=0) if self._compiled.fixed else None

    def analysed_bytes(self, inputs: Mapping[str, Array]) -> int | None:
        """See Compiling. Only JAX has such an analysis."""
        if self._compiled.ahead is None:
            return None
        arrays = self._arrays(inputs)
        size = self.padded(len(arrays[0]), self._shapes(arrays))
        return self._compiled.ahead.bytes([_padded(array, size) for array in arrays])

    @property
    def overlaps(self) -> bool:
        """Whether it is Overlapping. JAX only enqueues work, and copies beside it."""
        return self._compiled.ahead is not None

    @property
    def enqueues(self) -> bool:
        """See `engines.enqueues`."""
        return self._compiled.ahead is not None and self._compiled.ahead.is_apart

    def stage(self, inputs: Mapping[str, Array]) -> Staged:
        """See Overlapping. Pixels go as the bytes that they are: what is done to them is part of the program."""
        arrays = self._arrays(inputs)
        size = self.padded(rows := arrays[0].shape[0], self._shapes(arrays))
        with out_of_memory_told():
            return rows, self._compiled.to_device([_padded(array, size) for array in arrays])

    def begin(self, staged: Staged) -> Outputs:
        """See Overlapping. The way back begins by itself, too, as soon as an output is there."""
        rows, arrays = staged
        with out_of_memory_told():
            results = self._compiled.call(arrays)
            for result in results:
                if hasattr(result, "copy_to_host_async"):
                    result.copy_to_host_async()

        def outputs() -> list[Array]:
            with out_of_memory_told():
                return [as_numpy(result)[:rows] for result in results]

        return outputs

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        return self.begin(self.stage(inputs))()

    def release(self) -> None:
        """See Program. On a CPU nothing is kept; no backend gives a GPU's pool back, of which little is in use."""

    def _arrays(self, inputs: Mapping[str, Array]) -> list[Array]:
        return [inputs[name] for name in self._inputs]

    def _shapes(self, arrays: Sequence[Array]) -> Shapes:
        """What a request may choose: the trailing shapes of all but states."""
        return tuple(array.shape[1:] for array in arrays[: len(arrays) - self._states])

    def _prepared(self, shapes: Shapes) -> tuple[int, ...]:
        if shapes:
            return self._sizes.get(shapes, ())
        return next(iter(self._sizes.values()), ())


def _padded(array: Array, rows: int) -> Array:
    missing = rows - array.shape[0]
    # The first row again, not zeros: a value that the network is known to take.
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
