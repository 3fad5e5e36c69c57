"""TensorProto to and from shapes and raw contents as the Open Inference Protocol has them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import numpy_dtype
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.tfs import messages as tfs

Raw = bytes | memoryview

SPREAD_BYTES = 64 << 20
"""The most that the values of one message are spread to where it holds fewer than its shape has."""

_FIELDS = {
    tfs.DT_FLOAT: ("FP32", "float_val"),
    tfs.DT_DOUBLE: ("FP64", "double_val"),
    tfs.DT_HALF: ("FP16", "half_val"),
    tfs.DT_BFLOAT16: ("BF16", "half_val"),
    tfs.DT_INT8: ("INT8", "int_val"),
    tfs.DT_INT16: ("INT16", "int_val"),
    tfs.DT_INT32: ("INT32", "int_val"),
    tfs.DT_INT64: ("INT64", "int64_val"),
    tfs.DT_UINT8: ("UINT8", "int_val"),
    tfs.DT_UINT16: ("UINT16", "int_val"),
    tfs.DT_UINT32: ("UINT32", "uint32_val"),
    tfs.DT_UINT64: ("UINT64", "uint64_val"),
    tfs.DT_BOOL: ("BOOL", "bool_val"),
    tfs.DT_STRING: ("BYTES", "string_val"),
}
_PACKED = {
    datatype: bytes([tfs.TensorProto.DESCRIPTOR.fields_by_name[f"{field}_val"].number << 3 | 2])
    for datatype, field in (("FP32", "float"), ("FP64", "double"), ("BOOL", "bool"))
}
"""The tag of the field of each datatype whose numbers have one size on the wire."""
_DTYPE_OF = {datatype: dtype for dtype, (datatype, _) in _FIELDS.items()}


def dtype_of(datatype: str) -> int:
    """TensorFlow's number for a datatype of the Open Inference Protocol."""
    return _DTYPE_OF[datatype]


def decode_proto(proto: tfs.TensorProto, name: str) -> tuple[str, list[int], Raw]:
    """A tensor's datatype, shape and raw contents; DT_BFLOAT16 is widened to FP32. `name` is for errors.

    InvalidRequest: a dtype that no model takes, a shape that is not known, or contents that do not fill it.
    """
    if proto.dtype not in _FIELDS:
        raise InvalidRequest(
            f"tensor '{name}': {_dtype_name(proto.dtype)} is not served; expected one of "
            + ", ".join(map(_dtype_name, _FIELDS))
        )
    datatype, field = _FIELDS[proto.dtype]
    shape = _shape(proto, name)
    if datatype == "BYTES":
        return datatype, shape, _strings(proto, shape, name)
    if datatype == "BF16":
        return "FP32", shape, _widened(_numbers(proto, np.dtype(np.uint16), field, shape, name))
    return datatype, shape, _numbers(proto, numpy_dtype(datatype), field, shape, name)


def encode_proto(datatype: str, shape: Sequence[int], raw: Raw, to: tfs.TensorProto) -> None:
    """Fill an empty TensorProto from raw contents that are whole: in the field of the dtype, as TensorFlow Serving
    does, for clients read `outputs["x"].float_val`.
    """
    to.dtype = dtype_of(datatype)  # type: ignore[assignment]
    for size in shape:
        to.tensor_shape.dim.add(size=size)
    _, field = _FIELDS[to.dtype]
    if datatype in _PACKED:
        # On the wire, a packed field of these is the raw contents themselves.
        to.MergeFromString(_PACKED[datatype] + _varint(len(raw)) + raw)
    elif datatype == "FP16":
        to.half_val.extend(np.frombuffer(raw, "<u2").tolist())
    else:
        getattr(to, field).extend(decode_tensor(raw, datatype, shape, "").reshape(-1).tolist())


def _shape(proto: tfs.TensorProto, name: str) -> list[int]:
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise InvalidRequest(f"tensor '{name}': its shape is not known; expected a size for every axis")
    return shape


def _numbers(proto: tfs.TensorProto, dtype: np.dtype[Any], field: str, shape: list[int], name: str) -> Raw:
    expected = math.prod(shape) * dtype.itemsize
    if proto.tensor_content:
        if len(proto.tensor_content) != expected:
            raise InvalidRequest(
                f"tensor '{name}': received {len(proto.tensor_content)} bytes of tensor_content; "
                f"{_dtype_name(proto.dtype)} of shape {shape} takes {expected}"
            )
        return proto.tensor_content
    values = getattr(proto, field)
    _check_count(len(values), math.prod(shape), expected, field, shape, name)
    spread = np.zeros(math.prod(shape), dtype.newbyteorder("<"))
    if len(values):
        given = np.asarray(values)
        if dtype.kind in "iu" and field != "half_val" and not np.array_equal(given, given.astype(dtype)):
            raise InvalidRequest(
                f"tensor '{name}': {field} holds numbers that are not of {_dtype_name(proto.dtype)}"
            )
        bits = given.astype(np.uint16).view(np.float16) if dtype == np.float16 else given.astype(dtype)
        spread[: len(values)] = bits
        spread[len(values) :] = bits[-1]
    return spread.tobytes()


def _strings(proto: tfs.TensorProto, shape: list[int], name: str) -> bytes:
    values = (
        _split(proto.tensor_content, math.prod(shape), name) if proto.tensor_content else proto.string_val
    )
    longest = len(values[-1]) if values else 0
    count = math.prod(shape)
    _check_count(len(values), count, count * (longest + 8), "string_val", shape, name)
    spread = np.full(count, values[-1] if values else b"", dtype=np.object_)
    spread[: len(values)] = list(values)
    return encode_tensor(spread)


def _check_count(
    given: int, elements: int, spread_bytes: int, field: str, shape: list[int], name: str
) -> None:
    if given > elements:
        raise InvalidRequest(
            f"tensor '{name}': received {given} values in {field}; shape {shape} takes {elements}"
        )
    if given < elements and spread_bytes > SPREAD_BYTES:
        raise InvalidRequest(
            f"tensor '{name}': received {given} values in {field} for shape {shape}, which takes {spread_bytes:,} "
            f"bytes; a last value stands for up to {SPREAD_BYTES:,}: send tensor_content"
        )


def _widened(raw: Raw) -> bytes:
    """bfloat16 is the upper half of a float32."""
    return (np.frombuffer(raw, "<u2").astype("<u4") << 16).tobytes()


def _split(content: bytes, count: int, name: str) -> list[bytes]:
    """Strings in `tensor_content`: all lengths as varints, then all characters."""
    try:
        numbers = _varints(content)
        ends = [next(numbers) for _ in range(min(count, len(content)))]
        position = ends[-1][1] if ends else 0
        strings = []
        for length, _ in ends:
            strings.append(content[position : position + length])
            position += length
    except StopIteration:
        position = -1
    if position != len(content) or len(strings) != count:
        raise InvalidRequest(f"tensor '{name}': its tensor_content does not hold {count} strings")
    return strings


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _varints(content: bytes) -> Iterator[tuple[int, int]]:
    """Each number, and where the next begins."""
    number = shift = 0
    for position, byte in enumerate(content, start=1):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number, position
            number = shift = 0


def _dtype_name(dtype: int) -> str:
    known: Iterable[int] = tfs.DataType.values()
    return tfs.DataType.Name(dtype) if dtype in known else f"dtype {dtype}"
