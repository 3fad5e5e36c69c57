"""Keras's weights as numpy arrays, whatever the backend."""

from typing import Any

import keras
import numpy as np


def as_numpy(variable: Any) -> np.ndarray[Any, Any]:
    """What a variable or tensor holds, to be read only: the backend's own memory where it shares it.

    Keras's own way copies a variable twice.
    """
    tensor = variable.value if isinstance(variable, keras.Variable) else variable
    if hasattr(tensor, "read_value"):  # TensorFlow's variable, which has no buffer to share; its value has
        tensor = tensor.read_value()
    try:
        shared = np.asarray(memoryview(tensor))
    except (TypeError, ValueError, BufferError, NotImplementedError):
        return _copied(tensor)
    same = shared.dtype.name == keras.backend.standardize_dtype(tensor.dtype)
    return shared if same else _copied(tensor)


def _copied(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(tensor)))
