"""Rows from a file: pictures, HDF5, .npy, .npz or JSON, told apart by what the file holds and not by its name.

What may be larger than memory (HDF5, .npy, many pictures) is only opened here; rows are read as they are sliced.
"""

import io
import json
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np

from horngate.client.tensors import Array, array_of
from horngate.contract.errors import InvalidRequest, Unsupported

_NPY_MAGIC = b"\x93NUMPY"
_NPZ_MAGIC = b"PK"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_PICTURE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
_MAGIC_BYTES = 16


def read_inputs(text: str, opened: ExitStack) -> Any:
    """What a file holds, or standard input for `-`; `FILE.h5:NAME` is one dataset of an HDF5 file.

    A picture is a list of one; several datasets, .npz and JSON's objects are mappings. What is opened is closed
    with `opened`. InvalidRequest: unreadable, or none of these.
    """
    path, _, dataset = (text, "", "") if text == "-" or Path(text).exists() else text.rpartition(":")
    if dataset and not Path(path).exists():
        path, dataset = text, ""
    source, data = _source(path or text)
    if data.startswith(_HDF5_MAGIC):
        return _hdf5(path, source, dataset, opened)
    if dataset:
        raise InvalidRequest(f"'{path}' is no HDF5 file; expected one before ':{dataset}'")
    if is_picture(data):
        return [source.getvalue() if isinstance(source, io.BytesIO) else source]
    if data.startswith(_NPY_MAGIC):
        return _npy(path, source)
    return _npz(path, source) if data.startswith(_NPZ_MAGIC) else _json(path, source)


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG, PNG, GIF or WebP does; the server looks closer."""
    return data.startswith(_PICTURE_MAGIC) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def import_h5py() -> Any:
    """h5py. Unsupported: it is not installed."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise Unsupported("HDF5 files need h5py: pip install 'horngate[bulk]'") from None
    return h5py


def _source(path: str) -> tuple[Path | io.BytesIO, bytes]:
    """Where to read, and how it begins."""
    if path == "-":
        content = sys.stdin.buffer.read()
        return io.BytesIO(content), content[:_MAGIC_BYTES]
    try:
        with Path(path).open("rb") as file:
            return Path(path), file.read(_MAGIC_BYTES)
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror}") from None


def _hdf5(path: str, source: Path | io.BytesIO, dataset: str, opened: ExitStack) -> Any:
    """A dataset: the one named, or the only one; else all of them, by name."""
    h5py = import_h5py()
    try:
        file = opened.enter_context(h5py.File(source, "r"))
        found = file[dataset] if dataset else file
    except OSError as error:
        raise InvalidRequest(f"'{path}' is an HDF5 file that cannot be read: {error}") from None
    except KeyError:
        raise InvalidRequest(f"'{path}' has no '{dataset}'; it has {_names(file)}") from None
    if hasattr(found, "shape"):
        return found
    datasets = {name: each for name, each in found.items() if hasattr(each, "shape")}
    if not datasets:
        raise InvalidRequest(
            f"'{path}' has no datasets at '{found.name}'; it has {_names(file)}: name one, FILE.h5:NAME"
        )
    return next(iter(datasets.values())) if len(datasets) == 1 else datasets


def _names(file: Any) -> str:
    names: list[str] = []
    file.visit(names.append)
    return ", ".join(names[:20]) or "nothing"


def _npy(path: str, source: Path | io.BytesIO) -> Array:
    try:
        if isinstance(source, Path):
            return cast(Array, np.load(source, mmap_mode="r", allow_pickle=False))
        return cast(Array, np.load(source, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise InvalidRequest(f"'{path}' is a .npy file that cannot be read: {error}") from None


def _npz(path: str, source: Path | io.BytesIO) -> dict[str, Array]:
    try:
        with source.open("rb") if isinstance(source, Path) else source as file, np.load(file) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidRequest(f"'{path}' is a .npz file that cannot be read: {error}") from None


def _json(path: str, source: Path | io.BytesIO) -> Any:
    data = source.getvalue() if isinstance(source, io.BytesIO) else source.read_bytes()
    try:
        value: Any = json.loads(data)
    except ValueError as error:
        raise InvalidRequest(f"'{path}' is neither a picture, HDF5, .npy, .npz nor JSON: {error}") from None
    if not isinstance(value, list | dict):
        raise InvalidRequest(
            f"'{path}' holds {json.dumps(value)[:40]}; "
            "expected an array of rows, or an object of such arrays by input name"
        )
    try:
        if isinstance(value, dict):
            return {name: array_of(rows) for name, rows in value.items()}
        return array_of(value)
    except ValueError as error:
        raise InvalidRequest(f"'{path}' holds what numpy makes no array of: {error}") from None
