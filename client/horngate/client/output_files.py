"""Outputs to files, in the form that their name says: .npz, .npy, .h5 or JSON; each appears once it is whole."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from horngate.client.input_files import import_h5py
from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest

HDF5 = (".h5", ".hdf5")
STANDARD_OUTPUT = Path("-")

Outputs = Mapping[str, Array]


def check_out(out: Path | None, names: int) -> None:
    """InvalidRequest: no form goes by that name, or it does not hold so many outputs."""
    if out is None or out == STANDARD_OUTPUT:
        return
    if out.suffix not in _SAVE:
        raise InvalidRequest(
            f"'{out}' has no ending that is known; expected {', '.join(_SAVE)}, or - for JSON"
        )
    if out.suffix == ".npy" and names != 1:
        raise InvalidRequest(f"'{out}' holds one array; expected .npz for the {names} outputs")


def save(out: Path, outputs: Outputs) -> None:
    """Write the outputs; to standard output, as JSON."""
    if out == STANDARD_OUTPUT:
        print(json_text(outputs))
        return
    with _appearing(out) as partial:
        _SAVE[out.suffix](partial, outputs)


@contextmanager
def hdf5_file(out: Path) -> Iterator[Any]:
    """An HDF5 file to write to; it appears when the block is left without an error."""
    h5py = import_h5py()
    with _appearing(out) as partial, h5py.File(partial, "w") as file:
        yield file


def json_text(outputs: Outputs) -> str:
    """An object of arrays by output's name; numbers as short as they can be, `null` where there is none."""
    return json.dumps({name: _plain(array) for name, array in outputs.items()})


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A name to write to, beside the path; it is renamed, so that nobody reads half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidRequest(f"'{path}' cannot be written: {reason}") from None
    finally:
        partial.unlink(missing_ok=True)


def _save_npz(path: Path, outputs: Outputs) -> None:
    # Object arrays would be pickled, which readers rightly refuse.
    plain = {name: _unpickled(array) for name, array in outputs.items()}
    with path.open("wb") as file:
        np.savez(file, **plain)  # type: ignore[arg-type]


def _save_npy(path: Path, outputs: Outputs) -> None:
    with path.open("wb") as file:
        np.save(file, _unpickled(next(iter(outputs.values()))))


def _save_json(path: Path, outputs: Outputs) -> None:
    path.write_text(json_text(outputs) + "\n")


def _save_hdf5(path: Path, outputs: Outputs) -> None:
    with import_h5py().File(path, "w") as file:
        for name, array in outputs.items():
            file.create_dataset(name, data=array)


_SAVE: dict[str, Callable[[Path, Outputs], None]] = {
    ".npz": _save_npz,
    ".npy": _save_npy,
    ".json": _save_json,
    **dict.fromkeys(HDF5, _save_hdf5),
}


def _unpickled(array: Array) -> Array:
    return array.astype(bytes) if array.dtype == object else array


def _plain(array: Array) -> Any:
    if array.dtype == object:
        return np.array([_text(each) for each in array.flat], object).reshape(array.shape).tolist()
    if array.dtype.kind != "f":
        return array.tolist()
    # The shortest text that is this number in its own precision, not in that of Python's floats.
    shortest = [float(str(each)) if np.isfinite(each) else None for each in array.flat]
    return np.array(shortest, object).reshape(array.shape).tolist()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
