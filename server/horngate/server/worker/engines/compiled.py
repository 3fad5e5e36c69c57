"""Calls of Keras models, compiled as the backend does best.

TensorFlow on a CPU traces a call once, with the number of rows left open. XLA, which JAX and TensorFlow on a GPU
compile with, wants each size by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from horngate.contract.models import ModelSpec
from horngate.contract.tensors import numpy_dtype
from horngate.server.worker.engines import Array
from horngate.server.worker.engines.ahead import AheadOfTime, Weights, in_full_precision

Forward = Callable[[list[Any]], list[Any]]
Signature = Sequence[tuple[tuple[int | None, ...], Any]]
"""The shape and type of each array that a call takes."""


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A model's call on a list of arrays; `fixed` says that each number of rows is compiled by itself.

    `stages` says what runs where, in order, if the model is placed on several devices. `ahead` is the call if it
    can be compiled without being run.
    """

    call: Callable[[list[Array]], list[Any]]
    fixed: bool
    ahead: AheadOfTime | None = None
    stages: tuple[str, ...] = ()

    def to_device(self, arrays: list[Array]) -> list[Any]:
        """The arrays on their way to the device, where the backend has a way that does not wait."""
        return arrays if self.ahead is None else self.ahead.to_device(arrays)


def compiled(
    model: Any, spec: ModelSpec, *, prepare: Forward | None = None, xla: bool | None = None
) -> Compiled:
    """The model's call, compiled; `xla` on TensorFlow: only on a GPU, unless told.

    `prepare` makes the model's inputs of those that the spec declares, and is compiled with it.
    """
    import keras

    def forward(arrays: list[Any]) -> list[Any]:
        arrays = prepare(arrays) if prepare is not None else arrays
        return list(keras.tree.flatten(model(_fed(arrays), training=False)))

    def weighted(weights: Weights, arrays: list[Any]) -> list[Any]:
        arrays = prepare(arrays) if prepare is not None else arrays
        outputs, _ = model.stateless_call(*weights, _fed(arrays), training=False)
        return list(keras.tree.flatten(outputs))

    if keras.backend.backend() != "jax":
        return compiled_call(forward, input_signature(spec), xla=xla)
    variables = (model.trainable_variables, model.non_trainable_variables)
    ahead = AheadOfTime(weighted, [[each.value for each in kind] for kind in variables])
    return Compiled(call=ahead, fixed=True, ahead=ahead)


def input_signature(spec: ModelSpec) -> Signature:
    """The shape and type of each of a model's inputs."""
    types = ["string" if each.datatype == "BYTES" else numpy_dtype(each.datatype) for each in spec.inputs]
    return list(zip([each.shape for each in spec.inputs], types, strict=True))


def compiled_call(forward: Forward, signature: Signature, *, xla: bool | None = None) -> Compiled:
    """Any call on a list of arrays, compiled; it runs on the device in whose scope it is called."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(forward, signature, xla)
    if backend == "jax":
        return Compiled(call=_jitted(forward), fixed=True)
    return Compiled(call=_uncompiled(forward), fixed=False)


def _jitted(forward: Forward) -> Callable[[list[Array]], list[Any]]:
    import jax

    def precise(arrays: list[Any]) -> list[Any]:
        with in_full_precision():
            return forward(arrays)

    jitted: Callable[[list[Array]], list[Any]] = jax.jit(precise)
    return jitted


def _fed(arrays: list[Any]) -> Any:
    return arrays if len(arrays) > 1 else arrays[0]


def _tensorflow(forward: Forward, signature: Signature, xla: bool | None) -> Compiled:
    import tensorflow as tf

    if xla is None:
        xla = bool(tf.config.list_physical_devices("GPU"))
    if xla:
        return Compiled(call=tf.function(forward, jit_compile=True), fixed=True)
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    function = tf.function(forward, input_signature=[specs])
    try:
        function.get_concrete_function()
    except Exception:  # A layer that must know the number of rows.
        return Compiled(call=tf.function(forward), fixed=True)
    return Compiled(call=function, fixed=False)


def _uncompiled(forward: Forward) -> Callable[[list[Array]], list[Any]]:
    import keras

    def call(arrays: list[Array]) -> list[Any]:
        results = forward([keras.ops.convert_to_tensor(array) for array in arrays])
        return [keras.ops.convert_to_numpy(result) for result in results]

    return call
