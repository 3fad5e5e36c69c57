"""Keras's weights as numpy arrays, whatever the backend."""

from typing import Any

import keras
import numpy as np


def as_numpy(variable: Any) -> np.ndarray[Any, Any]:
    """A copy of a variable or tensor. Through a tensor: a variable itself does not know numpy 2's `copy`."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable)))
