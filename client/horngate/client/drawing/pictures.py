"""A picture from a file as one row of a model's input."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text

VALUES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
"""What a model takes black and white as."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_picture(path: Path, spec: TensorSpec, values: str) -> tuple[Array, Array]:
    """The file as one row of this input, scaled to its size; and as it looks, (height, width, 3) of bytes.

    InvalidRequest: no picture, or an input that takes none.
    """
    first = takes_channels_first(spec)
    sizes = spec.shape[2:] if first else spec.shape[1:3]
    channels = spec.shape[1 if first else -1] if len(spec.shape) == 4 else None
    if channels not in _MODES:
        raise InvalidRequest(
            f"input '{spec.name}' has shape {shape_text(spec.shape)}; expected pictures, of 1, 3 or 4 channels"
        )
    opened = _opened(path)
    high, wide = (size or own for size, own in zip(sizes, opened.size[::-1], strict=True))
    scaled = opened.convert(_MODES[channels]).resize((wide, high), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled, dtype=np.float32).reshape(high, wide, channels)
    black, white = VALUES[values]
    row = (black + pixels * ((white - black) / 255)).astype(numpy_dtype(spec.datatype))
    return (row.transpose(2, 0, 1) if first else row)[np.newaxis], np.asarray(scaled.convert("RGB"))


def takes_channels_first(spec: TensorSpec) -> bool:
    """Whether an input of pictures has the channels before height and width."""
    return len(spec.shape) == 4 and spec.shape[1] in _MODES and spec.shape[3] not in _MODES


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path).convert("RGBA")
    except UnidentifiedImageError:
        raise InvalidRequest(
            f"'{path}' is no picture; expected PNG, JPEG or another that Pillow reads"
        ) from None
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror or error}") from None
