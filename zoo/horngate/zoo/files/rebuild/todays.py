"""Files that Keras 3 wrote: its own loader opens them."""

import tempfile
from pathlib import Path
from typing import Any

import keras

import horngate.zoo.files.legacy  # noqa: F401 - registers what upgraded files need
from horngate.contract.errors import LoadError


def open_todays(kind: str, path: Path, custom: dict[str, Any], *, allow_code: bool) -> Any:
    """The model of a file that Keras 3 wrote, by Keras's own loader."""
    return _keras_load(path, ".h5" if kind == "hdf5" else ".keras", custom, allow_code)


def drawn_today(config: dict[str, Any], custom: dict[str, Any], *, allow_code: bool) -> Any:
    """The model of an architecture that Keras 3 wrote, untrained."""
    extra = ("compile_config", "keras_version", "backend")
    plain = {key: value for key, value in config.items() if key not in extra}
    try:
        return keras.saving.deserialize_keras_object(
            plain, custom_objects=custom or None, safe_mode=not allow_code
        )
    except Exception as error:  # Keras raises whatever a layer's constructor raised
        raise LoadError(
            f"its architecture could not be made by Keras {keras.__version__}: {type(error).__name__}: "
            f"{_first_lines(error)}"
        ) from error


def _keras_load(path: Path, suffix: str, custom: dict[str, Any], allow_code: bool) -> Any:
    """Keras chooses the format by the name, so a file of another name gets a right one for the moment."""
    with tempfile.TemporaryDirectory(prefix="horngate-load-") as folder:
        named = path
        if path.suffix != suffix:
            named = Path(folder) / f"model{suffix}"
            named.symlink_to(path.resolve())
        try:
            return keras.saving.load_model(
                named, compile=False, safe_mode=not allow_code, custom_objects=custom or None
            )
        except Exception as error:  # Keras raises whatever a layer's constructor or h5py raised
            raise LoadError(
                f"it could not be opened by Keras {keras.__version__}: "
                f"{type(error).__name__}: {_first_lines(error)}"
            ) from error


def _first_lines(error: Exception, limit: int = 600) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[:limit] + " …"
