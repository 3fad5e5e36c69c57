"""The formats that Keras itself writes, one small function each."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: what it is for, the endings that mean it, and how a model is written in it."""

    summary: str
    suffixes: tuple[str, ...]
    write: Callable[[Any, Path], None]


def format_of(path: Path) -> str:
    """The format that a file name's ending means. LoadError if it means none."""
    for name, one in FORMATS.items():
        if any(path.name.endswith(suffix) for suffix in one.suffixes):
            return name
    known = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)
    raise LoadError(
        f"the name '{path.name}' does not tell a format; expected an ending of {known}, or say the format"
    )


def _write_keras(model: Any, path: Path) -> None:
    with _quiet():
        model.save(_named(path, ".keras"))
    _named(path, ".keras").replace(path)


def _write_hdf5(model: Any, path: Path) -> None:
    with _quiet():
        model.save(_named(path, ".h5"), include_optimizer=False)
    _named(path, ".h5").replace(path)


def _write_json(model: Any, path: Path) -> None:
    path.write_text(json.dumps(json.loads(_configuration(model)), indent=2) + "\n")


def _write_yaml(model: Any, path: Path) -> None:
    import yaml

    path.write_text(yaml.safe_dump(json.loads(_configuration(model)), sort_keys=False))


def _configuration(model: Any) -> str:
    try:
        return str(model.to_json())
    except Exception as error:  # whatever a layer's get_config raises
        raise LoadError(
            f"model '{model.name}': its architecture cannot be told ({type(error).__name__}: {error}); "
            "a layer of your own needs a get_config"
        ) from error


def _write_weights(model: Any, path: Path) -> None:
    with _quiet():
        model.save_weights(_named(path, ".weights.h5"))
    _named(path, ".weights.h5").replace(path)


def _write_legacy_weights(model: Any, path: Path) -> None:
    """As `save_weights` of Keras 2 wrote it: a group for each layer, its weights listed in order."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def _write_saved_model(model: Any, path: Path) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise LoadError(
            f"a SavedModel is written by TensorFlow, and Keras runs on {keras.backend.backend()} here; set "
            "KERAS_BACKEND=tensorflow"
        )
    with _quiet():
        model.export(path, format="tf_saved_model", verbose=False)


def _write_onnx(model: Any, path: Path) -> None:
    from horngate.zoo.export.onnx_file import write_onnx

    write_onnx(model, path, None)


def _named(path: Path, suffix: str) -> Path:
    """A name with the ending that Keras demands."""
    return path if path.name.endswith(suffix) else path.with_name(f"{path.name}{suffix}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Keras's advice against HDF5, which is what was asked for."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


FORMATS = {
    "onnx": Format(
        summary="an ONNX graph, for ONNX Runtime, OpenVINO and others", suffixes=(".onnx",), write=_write_onnx
    ),
    "keras": Format(summary="Keras 3's own archive", suffixes=(".keras",), write=_write_keras),
    "weights": Format(
        summary="weights alone, as Keras 3 writes them", suffixes=(".weights.h5",), write=_write_weights
    ),
    "legacy-weights": Format(
        summary="weights alone, as Keras 2 wrote them (HDF5)", suffixes=(), write=_write_legacy_weights
    ),
    "hdf5": Format(
        summary="the whole model in HDF5, as Keras 1 and 2 had it",
        suffixes=(".h5", ".hdf5"),
        write=_write_hdf5,
    ),
    "json": Format(summary="the architecture alone, as JSON", suffixes=(".json",), write=_write_json),
    "yaml": Format(summary="the architecture alone, as YAML", suffixes=(".yaml", ".yml"), write=_write_yaml),
    "saved-model": Format(
        summary="a folder for TensorFlow and TensorFlow Serving",
        suffixes=("_saved_model", ".savedmodel"),
        write=_write_saved_model,
    ),
}
