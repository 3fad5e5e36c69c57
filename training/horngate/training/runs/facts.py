"""What a run was made with: for another person to have the same bytes, or to see why not."""

import dataclasses
import os
import platform
import random
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from horngate.training.recipe.sections import Recipe

_PACKAGES = ("horngate", "keras", "tensorflow", "tensorflow-cpu", "jax", "numpy", "h5py")
_VARIABLES = (
    "PYTHONHASHSEED",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "KERAS_BACKEND",
)


def environment(recipe: Recipe) -> dict[str, Any]:
    """Versions, machine, threads and seeds, in a plain form."""
    import keras
    import tensorflow as tf

    return {
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "python": sys.version.split()[0],
        "machine": {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()},
        "devices": keras.distribution.list_devices(),
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "keras": {
            "backend": keras.config.backend(),
            "epsilon": keras.config.epsilon(),
            "floatx": keras.config.floatx(),
            "image_data_format": keras.config.image_data_format(),
            "file": str(Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"),
        },
        "seed": recipe.seed,
        "deterministic": recipe.deterministic,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def plain_recipe(value: Any) -> Any:
    """A recipe in a plain form: functions by their names, arrays by their shapes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_recipe(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_recipe(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_recipe(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "shape"):
        return f"array of shape {tuple(value.shape)}"
    return f"{getattr(value, '__module__', '?')}:{getattr(value, '__qualname__', type(value).__name__)}"


def make_repeatable(recipe: Recipe) -> None:
    """Seed Python's, NumPy's and Keras's generators; with `deterministic`, TensorFlow's operations repeat, too.

    TensorFlow cannot be told to stop that: it stays so for this process. Keras's automatic names of layers, which
    are in a model's file, begin anew.
    """
    import keras

    keras.utils.clear_session(free_memory=False)
    random.seed(recipe.seed)
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic and keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
