"""Pictures as inputs: files, or uint8 pixels, in place of the numbers that a model declares."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from horngate.client.tensors import Inputs
from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype

Specs = tuple[TensorSpec, ...]
File = str | os.PathLike[str] | bytes
"""A picture's path, or its file's bytes."""

_AXES = 4
_PATH = (str, bytes, os.PathLike)


def with_files(inputs: Inputs, specs: Specs) -> Inputs:
    """The inputs, for a model of pictures with files for their paths. InvalidRequest: one cannot be read."""
    value = _value(inputs, specs)
    if isinstance(value, _PATH):
        files = [file_of(value)]
    elif isinstance(value, list | tuple) and value and all(isinstance(item, _PATH) for item in value):
        files = [file_of(item) for item in value]
    else:
        return inputs
    return {specs[0].name: files} if isinstance(inputs, Mapping) else files


def as_pictures(inputs: Inputs, specs: Specs, *, pixels: bool) -> Specs:
    """The specs to send by: BYTES for files, UINT8 of any size for `pixels`, else the model's own."""
    value = _value(inputs, specs)
    if value is None:
        return specs
    spec = specs[0]
    if _are_files(value):
        return (TensorSpec(name=spec.name, datatype="BYTES", shape=(None,)),)
    if pixels:
        return (TensorSpec(name=spec.name, datatype="UINT8", shape=(None, None, None, spec.shape[3])),)
    return specs


def are_pixels(inputs: Inputs, specs: Specs) -> bool:
    """Whether a model with a picture's axes, which declares floats, is given uint8."""
    value = _value(inputs, specs)
    is_uint8 = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == _AXES
    return is_uint8 and numpy_dtype(specs[0].datatype).kind == "f"


def as_inputs(images: Any) -> tuple[Any, bool]:
    """What to predict on, and whether it is a single picture. InvalidRequest: a file cannot be read."""
    if isinstance(images, str | os.PathLike | bytes):
        return [file_of(images)], True
    if isinstance(images, np.ndarray):
        is_single = images.ndim == _AXES - 1
        return (images[None] if is_single else images), is_single
    if not isinstance(images, list | tuple):
        raise InvalidRequest(
            f"received {type(images).__name__}; expected a path, bytes, an array, or a list of files"
        )
    return [file_of(image) for image in images], False


def file_of(image: File) -> bytes:
    """A file's bytes. InvalidRequest: it cannot be read."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str | os.PathLike):
        raise InvalidRequest(
            f"received a list with {type(image).__name__} in it; expected paths or bytes, or one array for all"
        )
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"'{os.fspath(image)}' cannot be read: {error.strerror}") from None


def _value(inputs: Inputs, specs: Specs) -> Any:
    """What is given for the one input of a model of pictures; None for other models."""
    if len(specs) != 1 or len(specs[0].shape) != _AXES or specs[0].datatype == "BYTES":
        return None
    return inputs.get(specs[0].name) if isinstance(inputs, Mapping) else inputs


def _are_files(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SO" and value.ndim == 1
    return _is_list_of_bytes(value)


def _is_list_of_bytes(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(isinstance(item, bytes) for item in value)
