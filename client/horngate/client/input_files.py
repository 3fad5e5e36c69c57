"""Rows from a file: a picture, .npy, .npz or JSON, told apart by what the file holds and not by its name."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from horngate.client.tensors import Array, Inputs
from horngate.contract.errors import InvalidRequest

_NPY_MAGIC = b"\x93NUMPY"
_NPZ_MAGIC = b"PK"
_PICTURE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")


def read_inputs(path: str) -> Inputs:
    """What a file holds, or standard input for `-`. InvalidRequest: unreadable, or none of these."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror}") from None
    if data.startswith(_NPY_MAGIC):
        return _npy(path, data)
    if is_picture(data):
        return [data]
    return _npz(path, data) if data.startswith(_NPZ_MAGIC) else _json(path, data)


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG, PNG, GIF or WebP does; the server looks closer."""
    return data.startswith(_PICTURE_MAGIC) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _npy(path: str, data: bytes) -> Array:
    try:
        return cast(Array, np.load(io.BytesIO(data), allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise InvalidRequest(f"'{path}' is a .npy file that cannot be read: {error}") from None


def _npz(path: str, data: bytes) -> Inputs:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidRequest(f"'{path}' is a .npz file that cannot be read: {error}") from None


def _json(path: str, data: bytes) -> Inputs:
    try:
        value: Any = json.loads(data)
    except ValueError as error:
        raise InvalidRequest(f"'{path}' is neither a picture, .npy, .npz nor JSON: {error}") from None
    if not isinstance(value, list | dict):
        raise InvalidRequest(
            f"'{path}' holds {json.dumps(value)[:40]}; "
            "expected an array of rows, or an object of such arrays by input name"
        )
    return cast(Inputs, value)
