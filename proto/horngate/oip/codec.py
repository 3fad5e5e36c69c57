"""Tensors on the wire: numpy arrays to and from raw and typed contents.

Raw contents are the array's bytes, little-endian and row-major; BYTES elements are each preceded by their
length in 4 bytes. Decoding fixed-size types copies nothing: the array is a view of what was received.
"""

import math
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import DATATYPES, datatype_of, numpy_dtype

if TYPE_CHECKING:
    from horngate.oip.messages import InferTensorContents

Array = np.ndarray[Any, np.dtype[Any]]
Buffer = bytes | memoryview

_LENGTH = struct.Struct("<I")
_IS_LITTLE_ENDIAN = sys.byteorder == "little"
_TYPED_FIELD = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
# The fields that also carry narrower integers.
_WIDE = {"int_contents": np.dtype(np.int32), "uint_contents": np.dtype(np.uint32)}


def encode_tensor(array: Array) -> bytes:
    """An array as raw contents. Elements of a BYTES array are bytes, or str, which travels as UTF-8."""
    if datatype_of(array.dtype) == "BYTES":
        return b"".join(_prefixed(array))
    return np.ascontiguousarray(array, dtype=_little_endian(array.dtype)).tobytes()


def decode_tensor(raw: Buffer, datatype: str, shape: Sequence[int], name: str) -> Array:
    """The array that raw contents hold; `name` is the tensor's, for errors.

    A BYTES array's elements are bytes objects. InvalidRequest: an unknown datatype, a negative size, or more
    or fewer bytes than the shape asks for.
    """
    elements = _elements(datatype, shape, name)
    if datatype == "BYTES":
        return _shaped(_objects(list(_split(raw, elements, shape, name))), shape, name)
    dtype = numpy_dtype(datatype)
    expected = elements * dtype.itemsize
    if len(raw) != expected:
        raise InvalidRequest(
            f"tensor '{name}': received {len(raw)} bytes of raw contents; "
            f"{datatype} of shape {_shape(shape)} takes {expected}"
        )
    return _shaped(np.frombuffer(raw, dtype=_little_endian(dtype)), shape, name)


def decode_contents(contents: "InferTensorContents", datatype: str, shape: Sequence[int], name: str) -> Array:
    """The array that typed contents hold, row-major; `name` is the tensor's, for errors.

    InvalidRequest: a datatype without a typed form, values under another type's field, values that the
    datatype cannot hold, or more or fewer of them than the shape asks for.
    """
    elements = _elements(datatype, shape, name)
    if datatype not in _TYPED_FIELD:
        raise InvalidRequest(f"tensor '{name}': {datatype} has no typed contents; send raw_input_contents")
    field = _TYPED_FIELD[datatype]
    stray = [descriptor.name for descriptor, _ in contents.ListFields() if descriptor.name != field]
    if stray:
        raise InvalidRequest(
            f"tensor '{name}': received {', '.join(stray)}; "
            f"{datatype} travels in {field} or raw_input_contents"
        )
    values = getattr(contents, field)
    if len(values) != elements:
        raise InvalidRequest(
            f"tensor '{name}': received {len(values)} values in {field}; "
            f"shape {_shape(shape)} takes {elements}"
        )
    flat = _objects(values) if datatype == "BYTES" else _numbers(values, field, datatype, name)
    return _shaped(flat, shape, name)


def _numbers(values: Sequence[Any], field: str, datatype: str, name: str) -> Array:
    dtype = numpy_dtype(datatype)
    received = np.fromiter(values, _WIDE.get(field, dtype), len(values))
    narrowed = received.astype(dtype, copy=False)
    if received.dtype != dtype and not np.array_equal(received, narrowed):
        raise InvalidRequest(
            f"tensor '{name}': received values from {received.min()} to {received.max()}; "
            f"{datatype} holds {np.iinfo(dtype).min} to {np.iinfo(dtype).max}"
        )
    return narrowed


def _shaped(flat: Array, shape: Sequence[int], name: str) -> Array:
    try:
        return flat.reshape(shape)
    except ValueError as error:  # more axes than numpy has, or an empty array whose other axes overflow
        raise InvalidRequest(f"tensor '{name}': received shape {_shape(shape)}: {error}") from None


def _elements(datatype: str, shape: Sequence[int], name: str) -> int:
    if datatype not in DATATYPES:
        raise InvalidRequest(
            f"tensor '{name}': received datatype '{datatype}'; expected one of {', '.join(sorted(DATATYPES))}"
        )
    if shape and min(shape) < 0:
        raise InvalidRequest(
            f"tensor '{name}': received shape {_shape(shape)}; the sizes of what is sent are 0 or more"
        )
    return math.prod(shape)


def _prefixed(array: Array) -> Iterator[bytes]:
    for element in array.flat:
        value = element.encode() if isinstance(element, str) else element
        yield _LENGTH.pack(len(value))
        yield value


def _split(raw: Buffer, elements: int, shape: Sequence[int], name: str) -> Iterator[bytes]:
    view, offset, found = memoryview(raw), 0, 0
    while offset < len(view) and found < elements:
        start = offset + _LENGTH.size
        offset = start + _LENGTH.unpack_from(view, offset)[0] if start <= len(view) else sys.maxsize
        if offset > len(view):
            break
        yield bytes(view[start:offset])
        found += 1
    if offset != len(view) or found != elements:
        raise InvalidRequest(
            f"tensor '{name}': received {len(view)} bytes of raw contents, in which {found} BYTES elements; "
            f"shape {_shape(shape)} takes {elements} and no more, each after its length in 4 bytes"
        )


def _objects(values: Sequence[bytes]) -> Array:
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


def _little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.isnative and _IS_LITTLE_ENDIAN else dtype.newbyteorder("<")


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"
