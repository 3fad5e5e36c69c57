"""A recipe's `[data]`, opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.data.feeding import Rows
from horngate.training.data.files import csv_rows, hdf5_rows, image_rows, in_memory, npz_rows, parquet_rows
from horngate.training.data.functions import MadeBatches
from horngate.training.data.streaming import StreamedRows
from horngate.training.recipe.named import imported
from horngate.training.recipe.sections import DataFrom
from horngate.zoo.images.scaling import MODES, Scaling

_FILES = {
    ".h5": hdf5_rows, ".hdf5": hdf5_rows, ".npz": npz_rows, ".csv": csv_rows, ".parquet": parquet_rows,
}  # fmt: skip


def open_rows(data: DataFrom) -> Rows:
    """The rows that `data` names. RecipeError says what is not there."""
    normalizer = _normalizer(data)
    if not isinstance(data.source, str):
        made = data.source() if callable(data.source) else data.source
        return _of(made, data, data.source, getattr(data.source, "__name__", "data"), normalizer)
    if ":" in data.source:
        function = imported(data.source, "data", "source")
        return _of(function(), data, function, data.source, normalizer)
    path = Path(data.source)
    if path.is_dir():
        return image_rows(path, data, normalizer)
    if path.suffix.lower() not in _FILES:
        raise RecipeError(
            f"data.source is '{data.source}'; expected a folder of images, module:function, or a file "
            f"({', '.join(_FILES)})"
        )
    if not path.exists():
        raise RecipeError(f"data.source '{data.source}' does not exist")
    return _FILES[path.suffix.lower()](path, data, normalizer)


def check_source(data: DataFrom, key: str) -> None:
    """Whether there is what `data` names, without reading it. RecipeError if not."""
    if isinstance(data.normalizer, str) and data.normalizer and data.normalizer not in MODES:
        imported(data.normalizer, key, "normalizer")
    if not isinstance(data.source, str):
        return
    if ":" in data.source:
        imported(data.source, key, "source")
    elif not Path(data.source).exists():
        raise RecipeError(f"{key}.source '{data.source}' does not exist")


def _normalizer(data: DataFrom) -> Callable[[Any], Any] | None:
    if not isinstance(data.normalizer, str):
        return data.normalizer
    if data.normalizer in MODES:
        return _scaled(MODES[data.normalizer])
    return imported(data.normalizer, "data", "normalizer") if data.normalizer else None


def _scaled(scaling: Scaling) -> Callable[[Any], Any]:
    """What a server does to the pictures of a model with this mode, on RGB images in arrays or tensors."""
    factor, offset = scaling.line(3)
    return lambda pixels: (pixels[..., ::-1] if scaling.order == "BGR" else pixels) * factor + offset


def _of(made: Any, data: DataFrom, function: Any, name: str, normalizer: Any) -> Rows:
    """Rows of what a function returned or a caller gave."""
    if isinstance(made, tuple):
        streamed = any(not hasattr(leaf, "__array_interface__") for leaf in keras.tree.flatten(made))
        if streamed and all(hasattr(leaf, "shape") for leaf in keras.tree.flatten(made)):
            return StreamedRows(made, start=data.start, end=data.end, normalizer=normalizer)
        return in_memory(made, data, normalizer)
    if not callable(function):
        raise RecipeError(f"data.source is a {type(made).__name__}; expected (x, y), or a function")
    return MadeBatches(function, name)
