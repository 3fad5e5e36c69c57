"""Decoding and resizing, against `keras.utils.load_img`; and pictures that are refused."""

import io
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from horngate.contract.errors import InvalidRequest
from horngate.zoo.images.decoding import MAX_PIXELS, decode, refit
from horngate.zoo.images.recipe import RESIZES
from tests.zoo.images.pictures import (
    Array,
    encoded,
    photograph,
    png_chunk,
    png_claiming,
    wanted,
    webp_claiming,
)


def _load_img(data: bytes, **options: object) -> Array:
    return np.asarray(keras.utils.load_img(io.BytesIO(data), **options))


@pytest.mark.parametrize("resize", RESIZES)
def test_resizing_is_that_of_load_img_to_the_pixel(resize: str):
    data = encoded(photograph())
    expected = _load_img(data, target_size=(224, 224), interpolation=resize)
    assert np.array_equal(decode(data, wanted(resize=resize)), expected)


@pytest.mark.parametrize("turned", [False, True])
def test_a_crop_of_one_keeps_the_aspect_ratio_as_load_img_does(turned: bool):
    picture = photograph().rotate(90, expand=True) if turned else photograph()
    data = encoded(picture, "PNG")
    expected = _load_img(data, target_size=(224, 224), interpolation="bicubic", keep_aspect_ratio=True)
    assert np.array_equal(decode(data, wanted(resize="bicubic", crop=1.0)), expected)


def test_a_crop_is_near_resizing_first_and_cutting_then():
    picture = photograph()
    shorter = 256 / min(picture.size)
    resized = picture.resize([round(side * shorter) for side in picture.size], Image.Resampling.BILINEAR)
    left, top = ((side - 224) // 2 for side in resized.size)
    published = np.asarray(resized.crop((left, top, left + 224, top + 224))).astype(int)
    ours = decode(encoded(picture, "PNG"), wanted(crop=0.875)).astype(int)
    assert np.abs(ours - published).mean() <= 0.5
    assert np.abs(ours - published).max() <= 16


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_kind_and_shades_of_gray(kind: str):
    data = encoded(photograph(), kind)
    assert np.array_equal(
        decode(data, wanted()), _load_img(data, target_size=(224, 224), interpolation="bilinear")
    )
    gray = _load_img(data, color_mode="grayscale", target_size=(96, 96), interpolation="bilinear")
    assert np.array_equal(decode(data, wanted(96, channels=1))[..., 0], gray)


@pytest.mark.parametrize("mode", ["CMYK", "P", "L", "LA", "RGBA", "1"])
def test_every_mode_becomes_what_load_img_makes_of_it(mode: str):
    picture = photograph().convert("L").convert("LA") if mode == "LA" else photograph().convert(mode)
    data = encoded(picture, "JPEG" if mode == "CMYK" else "PNG")
    assert np.array_equal(
        decode(data, wanted()), _load_img(data, target_size=(224, 224), interpolation="bilinear")
    )


def test_a_palette_with_transparency_is_quiet():
    data = encoded(photograph().convert("P"), "PNG", transparency=b"\0\x80\xff")
    assert decode(data, wanted()).shape == (224, 224, 3)


def test_sixteen_bits_are_scaled_to_eight():
    shades = np.linspace(0, 65535, 224 * 224).reshape(224, 224).astype(np.uint16)
    found = decode(encoded(Image.fromarray(shades), "PNG"), wanted())
    assert np.abs(found[..., 0] - shades / 257).max() <= 0.51


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_was_held_otherwise_is_turned_upright(orientation: int):
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[:20, :10] = 255
    # As EXIF defines it: on which side of the upright picture the stored one's rows and columns begin.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, 3),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(decode(data, wanted((60, 40))), upright)


def test_of_several_frames_the_first_counts():
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert np.abs(decode(data, wanted(32))[0, 0].astype(int) - [255, 0, 0]).max() <= 2


def test_broken_exif_is_no_fault_of_the_picture():
    data = encoded(photograph(), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\xff" + b"\xff" * 200_000)
    assert decode(data, wanted()).shape == (224, 224, 3)


def test_pixels_are_resized_like_pictures():
    pixels = np.asarray(photograph())
    assert np.array_equal(refit(pixels, wanted()), decode(encoded(photograph(), "PNG"), wanted()))
    assert refit(pixels[..., :1], wanted(64, channels=1)).shape == (64, 64, 1)


JPEG, PNG, GIF, WEBP = (encoded(photograph(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP"))
HOSTILE = {
    "nothing": (b"", "is empty"),
    "text": (b"hello", "begins with b'hello'; expected JPEG, PNG, WebP or GIF"),
    "PDF": (b"%PDF-1.4" + JPEG, "expected JPEG, PNG, WebP or GIF"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n" * 9, "expected JPEG"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "expected JPEG"),
    "BMP": (encoded(photograph(), "BMP"), "expected JPEG"),
    "TIFF": (encoded(photograph(), "TIFF"), "expected JPEG"),
    "a magic alone": (b"\xff\xd8\xff", "cannot be decoded"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "cannot be decoded: image file is truncated"),
    "half a PNG": (PNG[: len(PNG) // 2], "cannot be decoded"),
    "half a GIF": (GIF[: len(GIF) // 2], "cannot be decoded"),
    "half a WebP": (WEBP[: len(WEBP) // 2], "cannot be decoded"),
    "a PNG of 3.6 gigapixels": (png_claiming(60_000, 60_000), f"has more than {MAX_PIXELS} pixels"),
    "a PNG of 81 megapixels": (png_claiming(9000, 9000), f"has 9000 by 9000 pixels; expected {MAX_PIXELS}"),
    "a PNG of no width": (png_claiming(0, 10), "cannot be decoded"),
    "a WebP of 268 megapixels": (webp_claiming(16_384), "pixels"),
    "a PNG's text that unpacks to 100 MB": (
        PNG[:33] + png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 100_000_000)) + PNG[33:],
        "cannot be decoded",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_refused(name: str):
    data, reason = HOSTILE[name]
    with pytest.raises(InvalidRequest) as refused:
        decode(data, wanted())
    assert reason in str(refused.value)
    assert "0x" not in str(refused.value)


def test_what_follows_a_picture_is_not_looked_at(tmp_path: Path):
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Applet.class", "code")
    assert np.array_equal(decode(GIF + archive.read_bytes(), wanted()), decode(GIF, wanted()))
