"""Keras itself, on whichever backend it runs: the reference, and what serves where no ONNX form exists."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from horngate.server.artifact import KERAS, Artifact
from horngate.server.worker.engines import Array
from horngate.zoo.backend import import_keras


class Keras:
    """Programs run in testing mode. Loading a model imports Keras and its backend into this process."""

    name = "keras"

    def load(self, artifact: Artifact, outputs: Sequence[str], threads: int) -> "KerasProgram":
        """A compiled call of the sub-model that computes the outputs."""
        import_keras()
        from horngate.zoo.files import load
        from horngate.zoo.files.custom import resolve
        from horngate.zoo.submodel import submodel

        objects = artifact.objects
        folder = Path(objects["modules"]) if objects["modules"] else None
        custom = resolve(objects["custom_objects"], folder)
        whole = load(artifact.folder / KERAS, custom_objects=custom, allow_code=objects["allow_code"])
        model = submodel(whole, outputs)
        return KerasProgram(model, [spec.name for spec in artifact.spec.inputs])


class KerasProgram:
    """A model whose call is compiled once a batch size; sizes are rounded up to powers of two, rows padded."""

    def __init__(self, model: Any, input_names: Sequence[str]) -> None:
        self._call = _compiled(model)
        self._inputs = tuple(input_names)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """See Program."""
        arrays = [inputs[name] for name in self._inputs]
        rows = arrays[0].shape[0]
        bucket = 1 << (rows - 1).bit_length()
        results = self._call([_padded(array, bucket) for array in arrays])
        return [_as_numpy(result)[:rows] for result in results]


def _as_numpy(result: Any) -> Array:
    array = np.asarray(result)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _padded(array: Array, rows: int) -> Array:
    missing = rows - array.shape[0]
    # The first row again, not zeros: a value that the network is known to take.
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])


def _compiled(model: Any) -> Callable[[list[Array]], list[Any]]:
    import keras

    def forward(arrays: list[Any]) -> list[Any]:
        outputs = model(arrays if len(arrays) > 1 else arrays[0], training=False)
        return list(keras.tree.flatten(outputs))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        function: Callable[[list[Array]], list[Any]] = tf.function(forward, reduce_retracing=True)
        return function
    if keras.backend.backend() == "jax":
        import jax

        jitted: Callable[[list[Array]], list[Any]] = jax.jit(forward)
        return jitted
    return _uncompiled(forward)


def _uncompiled(forward: Callable[[list[Any]], list[Any]]) -> Callable[[list[Array]], list[Any]]:
    import keras

    def call(arrays: list[Array]) -> list[Any]:
        results = forward([keras.ops.convert_to_tensor(array) for array in arrays])
        return [keras.ops.convert_to_numpy(result) for result in results]

    return call
