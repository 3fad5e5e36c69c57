"""What a caller passes as inputs, as the arrays that a model declares; and an answer, as arrays."""

import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from horngate.contract.errors import InternalError, InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text
from horngate.oip.codec import Buffer, decode_contents, decode_tensor
from horngate.oip.messages import ModelInferResponse

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Inputs: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | os.PathLike[str] | Sequence[os.PathLike[str]]
"""Rows of the only input, or of each by name; for a model that takes pictures, files by path or bytes too."""

_INTEGERS = "iu"


def arrays_for(model: str, inputs: Inputs, specs: Sequence[TensorSpec]) -> list[tuple[TensorSpec, Array]]:
    """Each input's spec with its array, cast to the declared dtype. InvalidRequest: they do not fit."""
    named = by_name(model, inputs, specs)
    return [(spec, _array(model, named[spec.name], spec)) for spec in specs]


def by_name(model: str, inputs: Any, specs: Sequence[TensorSpec]) -> Mapping[str, Any]:
    """What is given for each input. InvalidRequest: not all that the model declares, or others."""
    named = inputs if isinstance(inputs, Mapping) else _only_input(model, inputs, specs)
    if set(named) != {spec.name for spec in specs}:
        received = ", ".join(map(repr, named)) or "none"
        raise InvalidRequest(f"model '{model}': received inputs {received}; expected {_listing(specs)}")
    return named


def arrays_of(response: ModelInferResponse, raws: Sequence[Buffer]) -> dict[str, Array]:
    """An answer's outputs by name, each a writable array of its own. InternalError: they cannot be decoded."""
    if raws and len(raws) != len(response.outputs):
        raise InternalError(f"the server sent {len(raws)} raw contents for {len(response.outputs)} outputs")
    try:
        return {output.name: _decoded(output, raw) for output, raw in zip_longest(response.outputs, raws)}
    except InvalidRequest as error:
        raise InternalError(f"the server's answer cannot be decoded: {error}") from None


def _decoded(output: ModelInferResponse.InferOutputTensor, raw: Buffer | None) -> Array:
    if raw is None:
        return decode_contents(output.contents, output.datatype, output.shape, output.name)
    return np.array(decode_tensor(raw, output.datatype, output.shape, output.name))


def _only_input(model: str, value: ArrayLike, specs: Sequence[TensorSpec]) -> dict[str, ArrayLike]:
    if len(specs) != 1:
        raise InvalidRequest(
            f"model '{model}': received one array; expected a dict of {len(specs)} inputs: {_listing(specs)}"
        )
    return {specs[0].name: value}


def _array(model: str, value: ArrayLike, spec: TensorSpec) -> Array:
    where = f"model '{model}': input '{spec.name}'"
    try:
        array = array_of(value)
    except ValueError as error:
        raise InvalidRequest(f"{where}: received what numpy makes no array of: {error}") from None
    if spec.datatype == "BYTES":
        return _text(where, array)
    if array.dtype.kind in _INTEGERS and numpy_dtype(spec.datatype).kind in _INTEGERS:
        return _integers(where, array, spec)
    return _numbers(where, array, spec)


def array_of(value: Any) -> Array:
    """What was given for an input, as an array. ValueError: numpy makes none of it."""
    return objects(cast(Sequence[bytes], value)) if _are_bytes(value) else np.asarray(value)


def _are_bytes(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, bytes) for item in value)


def objects(items: Sequence[str | bytes]) -> Array:
    """An array of texts as they are; numpy's own would drop the zeros at their ends."""
    array = np.empty(len(items), np.object_)
    array[:] = items
    return array


def _text(where: str, array: Array) -> Array:
    if array.dtype.kind not in "SUO":
        raise InvalidRequest(f"{where}: received {array.dtype}; expected an array of str or bytes")
    strays = {type(item).__name__ for item in array.flat if not isinstance(item, str | bytes)}
    if strays:
        raise InvalidRequest(
            f"{where}: received elements of type {', '.join(sorted(strays))}; expected str or bytes"
        )
    try:
        encoded = [item.encode() if isinstance(item, str) else item for item in array.flat]
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{where}: received text that has no UTF-8 form: {error}") from None
    result = np.empty(array.size, np.object_)
    result[:] = encoded
    return result.reshape(array.shape)


def _integers(where: str, array: Array, spec: TensorSpec) -> Array:
    limits = np.iinfo(numpy_dtype(spec.datatype))
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise InvalidRequest(
            f"{where}: received values from {array.min()} to {array.max()}; "
            f"{spec.datatype} holds {limits.min} to {limits.max}"
        )
    return array.astype(limits.dtype, copy=False)


def _numbers(where: str, array: Array, spec: TensorSpec) -> Array:
    dtype = numpy_dtype(spec.datatype)
    if not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise InvalidRequest(
            f"{where}: received {array.dtype}; expected {spec.datatype}, and a cast could lose values; "
            f"if it is meant, pass array.astype('{dtype}')"
        )
    return array.astype(dtype, copy=False)


def _listing(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"'{spec.name}' {spec.datatype} {shape_text(spec.shape)}" for spec in specs)
