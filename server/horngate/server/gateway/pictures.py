"""The pictures of a request: told apart from numbers by their datatype, and cut into one for each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from horngate.contract.errors import ResourceExhausted
from horngate.contract.tensors import TensorSpec
from horngate.oip.codec import decode_tensor
from horngate.oip.messages import ModelInferRequest
from horngate.server.gateway.regions import Place, Regions, read_place
from horngate.server.gateway.routes import Entry
from horngate.server.gateway.tensors import Raw, Tensor, read_contents, read_tensor
from horngate.zoo.images.recipe import ImageInput

MAX_PIXEL_BYTES = 1 << 30
"""The most bytes that the pictures of one request may take at the network's size."""

PICTURE_TYPES = ("UINT8", "BYTES")


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One row's: an encoded file, or with a `shape` (height, width, channels) uint8 pixels."""

    data: Raw
    shape: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A request's pictures: to be decoded or resized (`undone`), or at the network's size already (`tensor`)."""

    image: ImageInput
    rows: int
    undone: Sequence[Picture] = ()
    tensor: Tensor | None = None

    @property
    def shape(self) -> list[int]:
        """The shape of all pixels together, at the network's size."""
        return [self.rows, *self.image.shape]


def expected_types(entry: Entry) -> str:
    """The datatypes that the input of a model with one takes, for people."""
    native = entry.spec.inputs[0].datatype
    if entry.image is None:
        return native
    return f"{', '.join(dict.fromkeys((native, 'UINT8')))} pixels or BYTES pictures"


def read_pictures(
    entry: Entry, message: ModelInferRequest, raws: Sequence[Raw], regions: Regions | None
) -> Pictures | None:
    """The pictures that a request carries; None if it carries numbers, or what is no request for this model.

    InvalidRequest: they are not as they have to be. ResourceExhausted: they are too many.
    """
    image = entry.image
    if image is None or len(message.inputs) != 1 or len(raws) > 1:
        return None
    tensor = message.inputs[0]
    if tensor.name != image.name or tensor.datatype not in PICTURE_TYPES:
        return None
    lies = read_place(regions, tensor.parameters, f"model '{entry.name}': input '{tensor.name}'")
    if lies is not None and raws:
        return None
    raw = lies if lies is not None else raws[0] if raws else None
    read = _encoded if tensor.datatype == "BYTES" else _pixels
    pictures = read(entry, image, tensor, raw)
    size = pictures.rows * int(np.prod(image.shape))
    if size > MAX_PIXEL_BYTES:
        raise ResourceExhausted(
            f"model '{entry.name}': {pictures.rows} pictures take {size} bytes at the network's size; "
            f"expected {MAX_PIXEL_BYTES} at the most: send fewer at a time"
        )
    return pictures


def _encoded(entry: Entry, image: ImageInput, tensor: Any, raw: Raw | Place | None) -> Pictures:
    """A file for each row: shape (rows,), or (rows, 1) as Triton's clients send it for a model that batches."""
    axes = (None, 1) if len(tensor.shape) == 2 else (None,)
    spec = TensorSpec(name=image.name, datatype="BYTES", shape=axes)
    shape, contents = read_tensor(entry.name, spec, tensor, raw)
    files = decode_tensor(read_contents(contents), "BYTES", shape, image.name).reshape(-1)
    return Pictures(image=image, rows=len(files), undone=[Picture(data=file) for file in files])


def _pixels(entry: Entry, image: ImageInput, tensor: Any, raw: Raw | Place | None) -> Pictures:
    spec = TensorSpec(name=image.name, datatype="UINT8", shape=(None, None, None, image.channels))
    shape, contents = read_tensor(entry.name, spec, tensor, raw)
    height, width, channels = shape[1:]
    if (height, width, channels) == image.shape:
        return Pictures(image=image, rows=shape[0], tensor=(shape, contents))
    view, size = memoryview(read_contents(contents)), height * width * channels
    parts = [view[start : start + size] for start in range(0, len(view), size)]
    undone = [Picture(data=part, shape=(height, width, channels)) for part in parts]
    return Pictures(image=image, rows=shape[0], undone=undone)
