"""Inputs to compare engines on, and what Keras answers for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec, numpy_dtype
from horngate.server.builder.holes import mask_values, with_holes

Array = np.ndarray[Any, np.dtype[Any]]

ROWS = 3
FREE_SIZES = (16, 7, 64, 128, 256)
"""Tried in turn for axes whose size a request chooses: networks have least sizes, and steps between sizes."""


def reference_inputs(
    model: Any, spec: ModelSpec, free_size: int, seed: int = 0, rows: int = ROWS
) -> list[Array]:
    """Random rows for each input: indices that every embedding has, else values of the size networks take."""
    generator = np.random.default_rng(seed)
    limit = _smallest_vocabulary(model)
    return [_random(generator, tensor, (rows, free_size), limit) for tensor in spec.inputs]


class KerasModel:
    """A model as Keras predicts with it, inputs and outputs as flat lists in the spec's order.

    Layers that keep states from call to call forget them: every call is a sequence of its own, whatever the
    number of rows. The model itself is changed so, and so it is saved.
    """

    def __init__(self, model: Any, spec: ModelSpec) -> None:
        from horngate.zoo.submodel import submodel

        _forget_states(model)
        self._model = submodel(model, [output.name for output in spec.outputs])

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """What `predict` answers."""
        import keras

        tensors = [keras.ops.convert_to_tensor(storable(array)) for array in inputs]
        outputs = keras.tree.flatten(self._model.predict_on_batch(tensors))
        return [_plain_floats(np.asarray(output)) for output in outputs]


def _forget_states(model: Any) -> None:
    for layer in _layers(model):
        if getattr(layer, "stateful", False):
            layer.stateful = False


def is_half(model: Any) -> bool:
    """Whether some layer computes in half precision, whatever the outputs are in."""
    return any(layer.compute_dtype in ("float16", "bfloat16") for layer in _layers(model))


def reference(keras_model: KerasModel, model: Any, spec: ModelSpec) -> tuple[list[Array], list[Array]]:
    """Inputs and Keras's outputs for them. LoadError: Keras itself cannot run the model."""
    fault: Exception | None = None
    generator, masks = np.random.default_rng(4), mask_values(model)
    for free_size in _sizes(spec):
        inputs = reference_inputs(model, spec, free_size)
        # Every engine is compared on these: masks have holes in them.
        inputs = [with_holes(generator, array, masks, whole_row=False) for array in inputs]
        try:
            outputs = keras_model(inputs)
        except Exception as error:
            fault = fault or error
            continue
        _check_rows(spec, outputs)
        return inputs, outputs
    raise LoadError(f"Keras loads the model but cannot run it: {fault}") from fault


def _check_rows(spec: ModelSpec, outputs: Sequence[Array]) -> None:
    for tensor, output in zip(spec.outputs, outputs, strict=True):
        if output.ndim == 0 or output.shape[0] != ROWS:
            raise LoadError(
                f"output '{tensor.name}' has shape {output.shape} for {ROWS} rows; only outputs with one entry a "
                "row can be dealt out to the requests of a batch"
            )


def storable(array: Array) -> Array:
    """An array as it is kept without pickle, and as Keras takes it: strings in numpy's fixed-size bytes."""
    return array.astype("S") if array.dtype == object else array


def _plain_floats(array: Array) -> Array:
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def has_free_sizes(spec: ModelSpec) -> bool:
    """Whether a request chooses the size of an axis beside the rows."""
    return any(size is None for tensor in spec.inputs for size in tensor.shape[1:])


def _sizes(spec: ModelSpec) -> Sequence[int]:
    return FREE_SIZES if has_free_sizes(spec) else FREE_SIZES[:1]


def _random(
    generator: np.random.Generator, spec: TensorSpec, free: tuple[int, int], limit: int | None
) -> Array:
    rows, free_size = free
    shape = (rows, *(free_size if size is None else size for size in spec.shape[1:]))
    if spec.datatype == "BYTES":
        words = np.array([b"a", b"the", b"horn", b"gate"], dtype=object)
        return generator.choice(words, size=shape)
    dtype = numpy_dtype(spec.datatype)
    if dtype.kind == "b":
        return generator.random(shape) < 0.5
    if limit is not None or dtype.kind in "iu":
        return generator.integers(0, min(limit or 100, 100), size=shape).astype(dtype)
    return generator.standard_normal(shape).astype(dtype)


def _smallest_vocabulary(model: Any) -> int | None:
    import keras

    sizes = [layer.input_dim for layer in _layers(model) if isinstance(layer, keras.layers.Embedding)]
    return min(sizes, default=None)


def _layers(model: Any) -> list[Any]:
    """Every layer, those inside of nested models and of wrappers too."""
    return list(model._flatten_layers())
