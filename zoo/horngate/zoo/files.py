"""Keras's model files, opened.

Only the builder's process calls this: files are untrusted, and opening one runs Keras over it.
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from horngate.contract.errors import LoadError

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"


def load(path: Path) -> Any:
    """The Keras model in an `.h5`, `.hdf5` or `.keras` file, uncompiled. LoadError says what is wrong.

    The file's content decides which format it is, not its name. Code inside the file is not run.
    """
    with _open(path) as file:
        head = file.read(len(_HDF5_SIGNATURE))
    if head == _HDF5_SIGNATURE:
        return _load_hdf5(path)
    if head.startswith(_ZIP_SIGNATURE):
        return _load_zip(path)
    raise LoadError(
        f"'{path.name}' starts with {head!r}; expected a Keras model, that is HDF5 (.h5) or a .keras archive"
    )


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise LoadError(f"'{path.name}' cannot be opened: {error.strerror}") from error


def _load_hdf5(path: Path) -> Any:
    try:
        with h5py.File(path, "r") as file:
            has_config = "model_config" in file.attrs
    except OSError as error:
        raise LoadError(
            f"'{path.name}' is a damaged HDF5 file, perhaps not copied to its end ({error}); copy it again"
        ) from error
    if not has_config:
        raise LoadError(
            f"'{path.name}' holds weights without an architecture; save the whole model (model.save), or put "
            "the weights beside the architecture that they belong to"
        )
    return _keras_load(path, ".h5")


def _load_zip(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise LoadError(
            f"'{path.name}' is a damaged archive, perhaps not copied to its end ({error}); copy it again"
        ) from error
    if damaged is not None:
        raise LoadError(
            f"'{path.name}' is a damaged archive: '{damaged}' has a wrong checksum; copy it again"
        )
    if "config.json" not in names:
        raise LoadError(f"'{path.name}' is an archive without a config.json; expected a .keras file")
    return _keras_load(path, ".keras")


def _keras_load(path: Path, suffix: str) -> Any:
    """Keras chooses the format by the name, so a file of another name gets a right one for the moment."""
    with tempfile.TemporaryDirectory(prefix="horngate-load-") as folder:
        named = path
        if path.suffix != suffix:
            named = Path(folder) / f"model{suffix}"
            named.symlink_to(path.resolve())
        try:
            return keras.saving.load_model(named, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever a layer's constructor or h5py raised
            raise LoadError(
                f"'{path.name}' could not be opened by Keras {keras.__version__}: "
                f"{type(error).__name__}: {_first_lines(error)}"
            ) from error


def _first_lines(error: Exception, limit: int = 600) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[:limit] + " …"
