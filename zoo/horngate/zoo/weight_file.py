"""Weights beside a graph: a file that initializers point into. It imports onnx, and never Keras.

ONNX's own files end at 2 GB, and a graph that carries its weights is slow to copy and to cut. A graph whose
weights lie in a file is small whatever the model weighs.
"""

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import onnx
from onnx import helper
from onnx.external_data_helper import ExternalDataInfo

SMALLEST_BYTES = 1024
"""Smaller tensors stay in the graph: engines read shapes and axes from there before they read weights."""

_PAGE_BYTES = 4096
"""Where a tensor begins in the file, so that engines can map it instead of reading it."""


class WeightFile:
    """Writes tensors one after the other, each at once, so that none is held. Used as a context manager.

    If the block ends with an exception, the file is gone.
    """

    def __init__(self, path: Path) -> None:
        """The graph belongs into the same folder: initializers hold the file's name without its folder."""
        self._path = path
        # The end of what is written. One conversion owns the file; no threads share it.
        self._end = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> "WeightFile":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if kind is not None or not self._end:
            self._path.unlink(missing_ok=True)

    def takes(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether a tensor is large enough to lie here."""
        return array.nbytes >= SMALLEST_BYTES

    def add(self, tensor: onnx.TensorProto, array: np.ndarray[Any, Any]) -> None:
        """Write the array's bytes and point the tensor at them."""
        if self._file is None:
            raise RuntimeError("the weight file is not open; use it in a `with` statement")
        start = -(-self._end // _PAGE_BYTES) * _PAGE_BYTES
        self._file.seek(start)
        self._file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        self._end = start + array.nbytes
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": self._path.name, "offset": start, "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))


def array_of(tensor: onnx.TensorProto, folder: Path | None) -> np.ndarray[Any, Any]:
    """An initializer's content; mapped, not read, where it lies in a file of this folder."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return onnx.numpy_helper.to_array(tensor)
    if folder is None:
        raise ValueError(f"the weights of '{tensor.name}' lie in a file; expected the folder of that file")
    place = ExternalDataInfo(tensor)
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.memmap(folder / Path(place.location).name, dtype, "r", place.offset or 0, tuple(tensor.dims))
