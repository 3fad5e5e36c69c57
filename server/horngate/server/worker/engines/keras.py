"""Keras itself, on whichever backend it runs: the reference, and what serves where no ONNX form exists.

TensorFlow on a CPU traces a model once, with the number of rows left open. XLA, which JAX and TensorFlow on a GPU
compile with, wants each size by itself: batches are padded to a few sizes, compiled before the model is ready.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import numpy_dtype
from horngate.server.artifact import KERAS, Artifact
from horngate.server.worker.buckets import ladder
from horngate.server.worker.engines import Array
from horngate.server.worker.engines.out_of_memory import out_of_memory_told

MAX_LADDER = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A model's call on a list of arrays; `fixed` says that each number of rows is compiled by itself."""

    call: Callable[[list[Array]], list[Any]]
    fixed: bool


class Keras:
    """Programs run in testing mode. Keras must have been imported on a backend; see `import_keras`."""

    name = "keras"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "KerasProgram":
        """A compiled call of the sub-model that computes the outputs."""
        from horngate.zoo.files import load
        from horngate.zoo.files.custom import resolve
        from horngate.zoo.submodel import submodel

        objects = artifact.objects
        folder = Path(objects["modules"]) if objects["modules"] else None
        custom = resolve(objects["custom_objects"], folder)
        whole = load(artifact.folder / KERAS, custom_objects=custom, allow_code=objects["allow_code"])
        model = submodel(whole, outputs)
        names = [spec.name for spec in artifact.spec.inputs]
        return KerasProgram(compiled(model, artifact.spec), names)


class KerasProgram:
    """A compiled model. The backend's own pool of memory is the process's, and is kept until it ends."""

    pool = "keras"

    def __init__(self, compiled: Compiled, input_names: Sequence[str]) -> None:
        self._compiled = compiled
        self._inputs = tuple(input_names)
        self._sizes: tuple[int, ...] = ()

    def padded(self, rows: int) -> int:
        """See Program. Beyond the prepared sizes the steps are those of `ladder`."""
        if not self._compiled.fixed:
            return rows
        prepared = next((size for size in self._sizes if size >= rows), None)
        return prepared or next((size for size in ladder(MAX_LADDER) if size >= rows), rows)

    def prepare(self, sizes: Sequence[int], rows_of: Callable[[int], Mapping[str, Array]]) -> None:
        """See Program."""
        if self._compiled.fixed:
            self._sizes = tuple(sorted(sizes))
            for size in self._sizes:
                self.run(rows_of(size))

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        arrays = [inputs[name] for name in self._inputs]
        rows = arrays[0].shape[0]
        size = self.padded(rows)
        with out_of_memory_told():
            results = self._compiled.call([_padded(array, size) for array in arrays])
            return [_as_numpy(result)[:rows] for result in results]

    def release(self) -> None:
        """See Program. No backend gives its pool back."""


def compiled(model: Any, spec: ModelSpec, *, xla: bool | None = None) -> Compiled:
    """The model's call, compiled as its backend does best; `xla` on TensorFlow: only on a GPU, unless told."""
    import keras

    def forward(arrays: list[Any]) -> list[Any]:
        outputs = model(arrays if len(arrays) > 1 else arrays[0], training=False)
        return list(keras.tree.flatten(outputs))

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(forward, spec, xla)
    if backend == "jax":
        import jax

        return Compiled(call=jax.jit(forward), fixed=True)
    return Compiled(call=_uncompiled(forward), fixed=False)


def _tensorflow(forward: Callable[[list[Any]], list[Any]], spec: ModelSpec, xla: bool | None) -> Compiled:
    import tensorflow as tf

    if xla is None:
        xla = bool(tf.config.list_physical_devices("GPU"))
    if xla:
        return Compiled(call=tf.function(forward, jit_compile=True), fixed=True)
    types = [tf.string if each.datatype == "BYTES" else numpy_dtype(each.datatype) for each in spec.inputs]
    signature = [tf.TensorSpec(each.shape, dtype) for each, dtype in zip(spec.inputs, types, strict=True)]
    function = tf.function(forward, input_signature=[signature])
    try:
        function.get_concrete_function()
    except Exception:  # A layer that must know the number of rows.
        return Compiled(call=tf.function(forward), fixed=True)
    return Compiled(call=function, fixed=False)


def _as_numpy(result: Any) -> Array:
    array = np.asarray(result)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _padded(array: Array, rows: int) -> Array:
    missing = rows - array.shape[0]
    # The first row again, not zeros: a value that the network is known to take.
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])


def _uncompiled(forward: Callable[[list[Any]], list[Any]]) -> Callable[[list[Array]], list[Any]]:
    import keras

    def call(arrays: list[Array]) -> list[Any]:
        results = forward([keras.ops.convert_to_tensor(array) for array in arrays])
        return [keras.ops.convert_to_numpy(result) for result in results]

    return call
