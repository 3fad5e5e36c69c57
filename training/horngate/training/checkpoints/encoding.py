"""Plain values and arrays as JSON text beside the arrays' bytes, exactly: types, floats, NaN, tuples."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

Array = np.ndarray[Any, Any]


class Foreign(Exception):
    """A value that is neither plain nor an array."""


@dataclass
class Encoded:
    """JSON-able `content`, in which `{"$array": n}` stands for the n-th of `arrays`."""

    content: Any = None
    arrays: list[Array] = field(default_factory=list)


def encode(value: Any) -> Encoded:
    """The value in parts that can be written. Foreign for objects of other kinds."""
    encoded = Encoded()
    encoded.content = _put(value, encoded.arrays)
    return encoded


def decode(content: Any, arrays: Sequence[Array]) -> Any:
    """The value again."""
    if isinstance(content, list):
        return [decode(one, arrays) for one in content]
    if not isinstance(content, dict):
        return content
    if "$array" in content:
        return arrays[content["$array"]]
    if "$scalar" in content:
        return arrays[content["$scalar"]][()]
    if "$tuple" in content:
        return tuple(decode(one, arrays) for one in content["$tuple"])
    if "$op" in content:
        return getattr(keras.ops, content["$op"])
    return {key: decode(one, arrays) for key, one in content["$dict"]}


def _put(value: Any, arrays: list[Array]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) in (int, float):
        return value
    if isinstance(value, np.ndarray | np.generic) and not np.asarray(value).dtype.hasobject:
        arrays.append(np.array(value))
        return {"$array" if isinstance(value, np.ndarray) else "$scalar": len(arrays) - 1}
    if type(value) is list:
        return [_put(one, arrays) for one in value]
    if type(value) is tuple:
        return {"$tuple": [_put(one, arrays) for one in value]}
    if type(value) is dict and all(type(key) in (str, int) for key in value):
        return {"$dict": [[key, _put(one, arrays)] for key, one in value.items()]}
    name = getattr(value, "__name__", "")
    if callable(value) and getattr(keras.ops, name, None) is value:
        return {"$op": name}
    raise Foreign(type(value).__name__)


def text_of(content: Any, arrays: Sequence[Array]) -> str:
    """The JSON text: the content, and where each array lies in the file beside it."""
    index, end = [], 0
    for array in arrays:
        index.append({"dtype": array.dtype.name, "shape": list(array.shape), "offset": end})
        if array.dtype.kind in "SU":  # by its full name, which has the length
            index[-1]["dtype"] = array.dtype.str
        end += array.nbytes
    return json.dumps({"content": content, "arrays": index})


def write_arrays(file: BinaryIO, arrays: Sequence[Array]) -> None:
    """The arrays' bytes, one after the other."""
    for array in arrays:
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def read_back(text: str, path: Path) -> Any:
    """The value whose JSON text this is, its arrays read from the file."""
    stored = json.loads(text)
    data = np.fromfile(path, np.uint8)
    return decode(stored["content"], [_array(data, entry) for entry in stored["arrays"]])


def _array(data: Array, entry: dict[str, Any]) -> Array:
    dtype = np.dtype(entry["dtype"])
    size = int(np.prod(entry["shape"], dtype=np.int64)) * dtype.itemsize
    part = data[entry["offset"] : entry["offset"] + size]
    array: Array = part.copy().view(dtype).reshape(entry["shape"])
    return array
