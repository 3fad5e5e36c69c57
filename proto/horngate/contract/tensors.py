"""Tensors as both ends describe them: a name, a datatype, a shape."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]
"""Sizes of every axis, rows first; `None` is an axis whose size a request chooses."""

_NUMPY_OF = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_DATATYPE_OF = {dtype: datatype for datatype, dtype in _NUMPY_OF.items()}

DATATYPES = frozenset(_NUMPY_OF)
"""The Open Inference Protocol's datatypes that Horngate carries; bfloat16 travels as FP32, which is exact."""


def numpy_dtype(datatype: str) -> np.dtype[Any]:
    """The numpy dtype of an Open Inference Protocol datatype; BYTES is object. KeyError if there is none."""
    return _NUMPY_OF[datatype]


def datatype_of(dtype: np.dtype[Any] | str) -> str:
    """The Open Inference Protocol datatype for a numpy or Keras dtype. KeyError if there is none."""
    name = str(dtype)
    if name == "bfloat16":
        return "FP32"
    if name in ("string", "str"):
        return "BYTES"
    dtype = np.dtype(dtype)
    return "BYTES" if dtype.kind in "SUO" else _DATATYPE_OF[dtype.newbyteorder("=")]


def shape_text(shape: Shape, rows: str = "rows") -> str:
    """A shape for people: `(rows, 31)`, free axes as `?`."""
    axes = [
        rows if size is None and axis == 0 else "?" if size is None else str(size)
        for axis, size in enumerate(shape)
    ]
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def bytes_text(count: int) -> str:
    """A number of bytes for people: `14.6 MB`."""
    size = float(count)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output of a model, or of a layer. `shape[0]` is the rows axis, always `None`."""

    name: str
    datatype: str
    shape: Shape

    @property
    def row_bytes(self) -> int:
        """The least bytes that a row takes: a free axis counts as one, a BYTES element as a pointer."""
        return math.prod(size or 1 for size in self.shape[1:]) * numpy_dtype(self.datatype).itemsize

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TensorSpec":
        """Read what `to_json` wrote."""
        return cls(name=data["name"], datatype=data["datatype"], shape=tuple(data["shape"]))
