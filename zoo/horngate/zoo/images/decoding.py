"""Encoded pictures to pixels of the size that a network sees, with Pillow.

What is done is what `keras.utils.load_img` does, pixel for pixel, but for two things: a picture is turned as its
EXIF says that the camera was held, and 16 bits a channel are scaled to 8 where Pillow would cut them off. Alpha is
dropped, and of several frames the first counts, as there.

A hostile picture can make a codec crash or run for ever: whoever decodes what strangers send does it in a process
of its own.
"""

import io
import math
import re
import warnings
from importlib import import_module

import numpy as np
from PIL import Image

from horngate.contract.errors import InvalidRequest
from horngate.zoo.images.recipe import ImageInput
from horngate.zoo.images.scaling import Array

MAX_PIXELS = 64 << 20
"""The largest picture: 8192 by 8192, or any other shape of as many pixels."""

FORMATS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF"}
EXPECTED = "JPEG, PNG, WebP or GIF"
_ADDRESS = re.compile(r" ?<_io[^>]*>")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODES = {1: "L", 3: "RGB"}


def decode(data: bytes | memoryview, wanted: ImageInput) -> Array:
    """A picture's pixels, uint8 (height, width, channels). InvalidRequest: it is none, broken or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of what is odd in a picture that can be decoded.
            with Image.open(io.BytesIO(data), formats=[format_of(data)]) as picture:
                _check_size(*picture.size)
                return _fitted(_plain(_upright(picture), wanted.channels), wanted)
    except InvalidRequest:
        raise
    except Image.DecompressionBombError:
        raise InvalidRequest(f"has more than {MAX_PIXELS} pixels; expected fewer") from None
    except MemoryError:
        raise InvalidRequest("needs more memory to decode than a picture is given") from None
    except Exception as error:  # Codecs raise all kinds of errors over what is broken.
        reason = _ADDRESS.sub("", " ".join(str(error).split())) or type(error).__name__
        raise InvalidRequest(f"cannot be decoded: {reason[:200]}") from None


def refit(pixels: Array, wanted: ImageInput) -> Array:
    """Pixels that were decoded elsewhere, uint8 (height, width, channels), brought to the network's size."""
    flat = pixels[..., 0] if wanted.channels == 1 else pixels
    return _fitted(Image.fromarray(np.ascontiguousarray(flat), _MODES[wanted.channels]), wanted)


def format_of(data: bytes | memoryview) -> str:
    """Pillow's name for what a picture's first bytes say that it is. InvalidRequest: none of ours."""
    head = bytes(data[:12])
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in FORMATS.items():
        if head.startswith(magic):
            return name
    received = "is empty" if not head else f"begins with {head!r}"
    raise InvalidRequest(f"{received}; expected {EXPECTED}")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InvalidRequest(f"has {width} by {height} pixels; expected {MAX_PIXELS} pixels at the most")
    if not width or not height:
        raise InvalidRequest(f"has {width} by {height} pixels; expected some")


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as it was seen, should its EXIF say that it was held otherwise."""
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # Broken EXIF is no fault of the picture.
        orientation = 1
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _plain(picture: Image.Image, channels: int) -> Image.Image:
    """The picture in shades of gray or in RGB, 8 bits a channel."""
    if picture.mode.startswith("I"):
        shades = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray(np.clip((shades + 128) // 257, 0, 255).astype(np.uint8), "L")
    mode = _MODES[channels]
    return picture if picture.mode == mode else picture.convert(mode)


def _fitted(picture: Image.Image, wanted: ImageInput) -> Array:
    """The pixels at the size that is wanted; what has it already is left as it is."""
    height, width, channels = wanted.shape
    recipe = wanted.recipe
    box = _box(picture.size, (width, height), recipe.crop)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling[recipe.resize.upper()], box)
    return np.asarray(picture).reshape(height, width, channels)


def _box(
    size: tuple[int, int], wanted: tuple[int, int], crop: float | None
) -> tuple[float, float, float, float] | None:
    """The part of a picture that is kept: left, top, right, bottom; None for all of it.

    With a crop of 1 it is that of `load_img(keep_aspect_ratio=True)`, in whole pixels.
    """
    if crop is None:
        return None
    width = crop * min(size[0], size[1] * wanted[0] // wanted[1])
    height = crop * min(size[1], size[0] * wanted[1] // wanted[0])
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    if crop == 1:
        left, top = math.floor(left), math.floor(top)
    return left, top, left + width, top + height


def prepare_process() -> None:
    """Load Pillow's codecs, and bound what they take; once, in a process that does nothing else."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses at twice this.
    Image.preinit()
    import_module("PIL.WebPImagePlugin")
    import_module("PIL.MpoImagePlugin")
