"""One input of a request, checked against what is expected in its place."""

import math
from typing import Any

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text
from horngate.oip.codec import decode_contents, decode_tensor, encode_tensor
from horngate.server.gateway.regions import Place

Raw = bytes | memoryview
Tensor = tuple[list[int], Raw | Place]
"""A shape, and raw contents, or where those lie."""


def read_contents(raw: Raw | Place) -> Raw:
    """Raw contents, read from where they lie. InvalidRequest: their owner has shrunk it."""
    return raw.read() if isinstance(raw, Place) else raw


def read_tensor(
    model: str, spec: TensorSpec, tensor: Any, raw: Raw | Place | None, expected: str = ""
) -> Tensor:
    """An input's shape and raw contents. InvalidRequest if they are not as the spec says.

    Numbers are left where they lie; BYTES are read, to be looked at. `expected` names the datatypes that are taken,
    where it is more than one.
    """
    where = f"model '{model}': input '{spec.name}'"
    if tensor.datatype != spec.datatype:
        raise InvalidRequest(
            f"{where} has datatype '{tensor.datatype}'; expected {expected or spec.datatype}"
        )
    shape = list(tensor.shape)
    if not _fits(shape, spec):
        raise InvalidRequest(
            f"{where} has shape {shape_text(tuple(shape))}; expected {shape_text(spec.shape)}"
        )
    if raw is None:
        return shape, encode_tensor(decode_contents(tensor.contents, spec.datatype, shape, spec.name))
    if tensor.HasField("contents"):
        raise InvalidRequest(f"{where} has contents beside raw contents; expected one of the two")
    size = raw.byte_size if isinstance(raw, Place) else len(raw)
    taken = math.prod(shape) * numpy_dtype(spec.datatype).itemsize
    if spec.datatype != "BYTES" and size != taken:
        raise InvalidRequest(
            f"{where}: received {size} bytes of raw contents; "
            f"{spec.datatype} of shape {shape_text(tuple(shape))} takes {taken}"
        )
    if spec.datatype == "BYTES":
        raw = read_contents(raw)
        decode_tensor(raw, spec.datatype, shape, spec.name)
    return shape, raw


def _fits(shape: list[int], spec: TensorSpec) -> bool:
    """Whether a shape is one that the spec allows. Rows may be any; a free axis holds at least one element."""
    if len(shape) != len(spec.shape) or shape[0] < 0:
        return False
    return all(
        received >= 1 if expected is None else received == expected
        for received, expected in zip(shape[1:], spec.shape[1:], strict=True)
    )
