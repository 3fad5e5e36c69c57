"""Tensors as both ends describe them: a name, a datatype, a shape.

Numpy is imported when it is first needed: processes that only tell of tensors never do.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int | None, ...]
"""Sizes of every axis, rows first; `None` is an axis whose size a request chooses."""

_NUMPY_OF = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
_DATATYPE_OF = {name: datatype for datatype, name in _NUMPY_OF.items()}

DATATYPES = frozenset(_NUMPY_OF)
"""The Open Inference Protocol's datatypes that Horngate carries; bfloat16 travels as FP32, which is exact."""


@cache
def numpy_dtype(datatype: str) -> "np.dtype[Any]":
    """The numpy dtype of an Open Inference Protocol datatype; BYTES is object. KeyError if there is none."""
    import numpy as np

    return np.dtype(_NUMPY_OF[datatype])


def datatype_of(dtype: "np.dtype[Any] | str") -> str:
    """The Open Inference Protocol datatype for a numpy or Keras dtype. KeyError if there is none."""
    import numpy as np

    name = str(dtype)
    if name == "bfloat16":
        return "FP32"
    if name in ("string", "str"):
        return "BYTES"
    dtype = np.dtype(dtype)
    return "BYTES" if dtype.kind in "SUO" else _DATATYPE_OF[dtype.name]


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
