"""Photographs that scikit-learn ships, and pictures of every kind made of them."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from horngate.zoo.images.recipe import ImageInput, Recipe

Array = np.ndarray[Any, np.dtype[Any]]


@cache
def photograph(name: str = "flower.jpg") -> Image.Image:
    """427 by 640 pixels, RGB."""
    return Image.fromarray(load_sample_image(name))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file of that kind."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def wanted(side: int | tuple[int, int] = 224, channels: int = 3, **recipe: Any) -> ImageInput:
    """What a network of that input size wants."""
    size = (side, side) if isinstance(side, int) else side
    return ImageInput(name="image", channels=channels, recipe=Recipe(size=size, **recipe))


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def webp_claiming(side: int) -> bytes:
    """A lossless WebP of a few bytes whose header claims a size."""
    bits = (side - 1) | (side - 1) << 14
    body = b"VP8L" + struct.pack("<I", 25) + b"\x2f" + struct.pack("<I", bits) + b"\0" * 20 + b"\0"
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def scan_bomb(side: int = 8192, scans: int = 400) -> bytes:
    """A progressive JPEG of some megabytes that says its last scan again and again: half a minute of decoding."""
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True, quality=50)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * scans + data[end:]
