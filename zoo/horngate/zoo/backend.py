"""Which backend Keras runs on in this process, and Keras imported on it."""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

BACKENDS = ("tensorflow", "jax", "torch")
VIRTUAL_DEVICES = "HORNGATE_VIRTUAL_DEVICES"
"""So many devices `cpu:0`, `cpu:1`, … on one CPU (TensorFlow, JAX), to try placements without GPUs."""


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
    virtual = 0 if "keras" in sys.modules else int(os.environ.get(VIRTUAL_DEVICES, "0"))
    if virtual:
        count = f"--xla_force_host_platform_device_count={virtual}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {count}".strip()
    errors, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with _hidden("jax", unless=_wanted_backend() == "jax"):
            import keras
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nothing)
    if virtual and keras.backend.backend() == "tensorflow":
        _divide_tensorflow(virtual)
    imported: ModuleType = keras
    return imported


def _wanted_backend() -> str:
    """What Keras is going to run on."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    chosen = ""
    with suppress(OSError, ValueError, AttributeError):
        chosen = json.loads((home / "keras.json").read_text()).get("backend", "")
    return os.environ.get("KERAS_BACKEND") or chosen or BACKENDS[0]


@contextmanager
def _hidden(module: str, *, unless: bool) -> Iterator[None]:
    """A module that is not found meanwhile. TensorFlow imports JAX for TFLite, which takes 120 MB."""
    hide = not unless and module not in sys.modules
    if hide:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            del sys.modules[module]


def _divide_tensorflow(devices: int) -> None:
    import tensorflow as tf

    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(devices)]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
