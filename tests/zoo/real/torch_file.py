"""Weights out of a file of PyTorch before 1.6, without PyTorch: its pickles may name tensors and nothing else."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Array = np.ndarray[Any, Any]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")

    def persistent_load(self, pid: Any) -> Any:
        return pid[1], pid[2]


def read_weights(path: Path) -> dict[str, Array]:
    """Each tensor by its name."""
    with path.open("rb") as file:
        assert _Reader(file).load() == _MAGIC
        for _ in ("protocol", "machine"):
            _Reader(file).load()
        tensors = _Reader(file).load()
        types = {key: _TYPES[kind] for (kind, key), *_ in tensors.values()}
        stored = {}
        for key in _Reader(file).load():
            count = int.from_bytes(file.read(8), "little")
            stored[key] = np.frombuffer(file.read(count * types[key].itemsize), types[key])
    return {
        name: np.lib.stride_tricks.as_strided(
            stored[key][offset:], shape, [step * types[key].itemsize for step in strides]
        )
        for name, ((_, key), offset, shape, strides) in tensors.items()
    }
