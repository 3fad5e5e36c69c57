"""Which backend Keras runs on in this process, and Keras imported on it."""

import importlib.util
import os
from types import ModuleType

BACKENDS = ("tensorflow", "jax", "torch")


def import_keras() -> ModuleType:
    """Import Keras, for the first time in this process, on the backend of KERAS_BACKEND or keras.json.

    Where that one is not installed, on one that is. What TensorFlow's C++ prints as it wakes is dropped.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "KERAS_BACKEND" not in os.environ and importlib.util.find_spec("tensorflow") is None:
        for backend in BACKENDS:
            if importlib.util.find_spec(backend) is not None:
                os.environ["KERAS_BACKEND"] = backend
                break
    errors, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        import keras
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nothing)
    imported: ModuleType = keras
    return imported
