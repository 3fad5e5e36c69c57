"""An ONNX file against the Keras model that it was made of, on random rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.tensors import TensorSpec, numpy_dtype

_ROWS = 2
_FREE = {4: 96}
"""What a free axis is given, by rank: images are to be large enough for what makes them smaller. Others 8."""

Array = np.ndarray[Any, Any]


def difference_from_keras(model: Any, outputs: Sequence[TensorSpec], path: Path) -> list[float]:
    """For each output, the largest difference in parts of the scale of Keras's answer.

    Of integers, booleans and strings it is the share of those that differ.
    """
    import onnxruntime

    from horngate.zoo.describe import describe

    inputs = describe(model).inputs
    random = np.random.default_rng(0)
    feed = {one.name: sample(random, one) for one in inputs}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    read = [one.name for one in session.get_inputs()]
    got = session.run([one.name for one in outputs], {name: feed[name] for name in read})
    wanted = _of_keras(model, outputs, [feed[one.name] for one in inputs])
    return [_difference(left, right) for left, right in zip(got, wanted, strict=True)]


def sample(random: np.random.Generator, one: TensorSpec) -> Array:
    """Rows that any model should take: normal floats, integers of 0 and 1, which every vocabulary has."""
    free = _FREE.get(len(one.shape), 8)
    shape = (_ROWS, *(free if size is None else size for size in one.shape[1:]))
    if one.datatype == "BYTES":
        return random.choice(np.asarray(["the", "gate", "of horn", ""], dtype=object), size=shape)
    dtype = numpy_dtype(one.datatype)
    if dtype.kind in "biu":
        return random.integers(0, 2, size=shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


def _of_keras(model: Any, outputs: Sequence[TensorSpec], rows: list[Array]) -> list[Array]:
    import keras

    from horngate.zoo.submodel import submodel

    tensors = [
        keras.ops.convert_to_tensor(one.tolist() if one.dtype.kind == "O" else one, dtype=_keras_dtype(one))
        for one in rows
    ]
    answers = submodel(model, [one.name for one in outputs])(tensors, training=False)
    return [np.asarray(keras.ops.convert_to_numpy(one)) for one in keras.tree.flatten(answers)]


def _keras_dtype(array: Array) -> str:
    return "string" if array.dtype.kind == "O" else array.dtype.name


def _difference(got: Array, wanted: Array) -> float:
    if got.shape != wanted.shape:
        return float("inf")
    if wanted.dtype.kind not in "fV":
        return float((_texts(got) != _texts(wanted)).mean())
    wide = wanted.astype(np.float64)
    scale = max(float(np.abs(wide).max(initial=0)), 1e-6)
    return float(np.abs(got.astype(np.float64) - wide).max(initial=0)) / scale


def _texts(array: Array) -> Array:
    """Exact values, comparable whatever the type: strings are bytes in one place and text in another."""
    plain = [one.decode() if isinstance(one, bytes) else str(one) for one in array.reshape(-1).tolist()]
    return np.asarray(plain)
