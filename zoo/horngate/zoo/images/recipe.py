"""All that is done to a picture before a network sees it, as an operator says it and as a model needs it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import shape_text
from horngate.zoo.images.scaling import MODES, ORDERS, Scaling

RESIZES = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
"""Pillow's filters, and `load_img`'s names for them."""
PIXELS = "horngate/pixels"
"""The name of a program's input for pictures as they are: uint8 (rows, height, width, channels)."""

LARGEST_SIDE = 16_384
FLOATS = ("FP16", "FP32", "FP64")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`scaling`, after the picture was brought to `size` (height, width; None: what the model's input says).

    `crop` None: the whole picture is stretched. Else the largest box of the network's shape around the picture's
    middle is taken, `crop` of its sides (0.875: a network that sees 224 of 256 pixels), and resized.
    """

    scaling: Scaling = field(default_factory=Scaling)
    size: tuple[int, int] | None = None
    resize: str = "bilinear"
    crop: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {
            "scaling": self.scaling.to_json(),
            "size": list(self.size) if self.size else None,
            "resize": self.resize,
            "crop": self.crop,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recipe":
        """Read what `to_json` wrote."""
        return cls(
            scaling=Scaling.from_json(data["scaling"]),
            size=tuple(data["size"]) if data["size"] else None,
            resize=data["resize"],
            crop=data["crop"],
        )


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """The input of a model that takes pictures, and what is done to them; `recipe.size` is there."""

    name: str
    channels: int
    recipe: Recipe

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network is given."""
        height, width = self.recipe.size or (0, 0)
        return height, width, self.channels

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`; `from_json` is its inverse."""
        return {"name": self.name, "channels": self.channels, "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ImageInput":
        """Read what `to_json` wrote."""
        return cls(name=data["name"], channels=data["channels"], recipe=Recipe.from_json(data["recipe"]))


def image_input(spec: ModelSpec, recipe: Recipe) -> ImageInput:
    """What a recipe means for a model. LoadError: the model takes no such pictures."""
    if len(spec.inputs) != 1:
        raise LoadError(f"preprocess is for a model with one input; this one has {len(spec.inputs)}")
    tensor = spec.inputs[0]
    where = f"input '{tensor.name}' is {shape_text(tensor.shape)}"
    if len(tensor.shape) != 4 or tensor.shape[3] not in (1, 3):
        raise LoadError(f"preprocess is for an input (rows, height, width, 1 or 3); {where}")
    height, width, channels = tensor.shape[1:]
    size = recipe.size or ((height, width) if height and width else None)
    if size is None:
        raise LoadError(f"{where}; say with preprocess.size to which size pictures are brought")
    if any(own not in (None, asked) for own, asked in zip((height, width), size, strict=True)):
        raise LoadError(f"preprocess.size is {list(size)}; {where}")
    _check_type(tensor.name, tensor.datatype, recipe.scaling)
    _check_channels(recipe.scaling, channels or 0)
    return ImageInput(name=tensor.name, channels=channels or 0, recipe=replace(recipe, size=size))


def _check_type(name: str, datatype: str, scaling: Scaling) -> None:
    if datatype in FLOATS or (datatype == "UINT8" and scaling.is_nothing):
        return
    raise LoadError(
        f"input '{name}' is {datatype}; preprocess scales to {', '.join(FLOATS)}, "
        'or leaves UINT8 as it is with "none"'
    )


def _check_channels(scaling: Scaling, channels: int) -> None:
    for name, values in (("mean", scaling.mean), ("std", scaling.std)):
        if len(values) not in (1, channels):
            raise LoadError(
                f"preprocess.{name} has {len(values)} numbers; the input has {channels} channels, "
                "expected one for each or one for all"
            )
    if scaling.order == "BGR" and channels != 3:
        raise LoadError(f"preprocess has the channels' order BGR; the input has {channels}")


_KEYS = ("mode", "scale", "mean", "std", "channel_order", "size", "resize", "crop")


def read_recipe(value: object, standard: Recipe | None = None) -> Recipe:
    """The recipe that `preprocess` of a `model.toml` says: a mode's name, or a table.

    What a table leaves out is as in `standard`, or in the `mode` that it names. LoadError says what is wrong.
    """
    if isinstance(value, str):
        return replace(standard or Recipe(), scaling=_mode(value))
    if not isinstance(value, Mapping):
        raise LoadError(f"preprocess is {value!r}; expected one of {', '.join(MODES)}, or a table")
    for key in value:
        if key not in _KEYS:
            raise LoadError(f"preprocess has the unknown key {key!r}; expected one of {', '.join(_KEYS)}")
    recipe = standard or Recipe()
    scaling = _scaling(value, _mode(value["mode"]) if "mode" in value else recipe.scaling)
    return Recipe(
        scaling=scaling,
        size=_size(value["size"]) if "size" in value else recipe.size,
        resize=_resize(value.get("resize", recipe.resize)),
        crop=_crop(value["crop"]) if "crop" in value else recipe.crop,
    )


def _mode(name: object) -> Scaling:
    if not isinstance(name, str) or name not in MODES:
        raise LoadError(f"preprocess is {name!r}; expected one of {', '.join(MODES)}, or a table")
    return MODES[name]


def _scaling(table: Mapping[str, Any], scaling: Scaling) -> Scaling:
    order = str(table.get("channel_order", scaling.order)).upper()
    if order not in ORDERS:
        raise LoadError(f"preprocess.channel_order is {order!r}; expected one of {', '.join(ORDERS)}")
    scale = _numbers("scale", table["scale"])[0] if "scale" in table else scaling.scale
    std = _numbers("std", table["std"]) if "std" in table else scaling.std
    if 0.0 in std:
        raise LoadError("preprocess.std has a 0 in it; values are divided by it")
    mean = _numbers("mean", table["mean"]) if "mean" in table else scaling.mean
    return Scaling(scale=scale, mean=mean, std=std, order=order)


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    single = name == "scale" and len(values) != 1
    if single or not values or any(not _is_number(one) for one in values):
        expected = "a number" if name == "scale" else "a number, or one for each channel"
        raise LoadError(f"preprocess.{name} is {value!r}; expected {expected}")
    return tuple(float(one) for one in values)


def _size(value: Any) -> tuple[int, int]:
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2 or any(
        not isinstance(side, int) or isinstance(side, bool) or not 0 < side <= LARGEST_SIDE for side in sides
    ):
        raise LoadError(
            f"preprocess.size is {value!r}; expected one side, or [height, width], of 1 to {LARGEST_SIDE} pixels"
        )
    return sides[0], sides[1]


def _resize(value: object) -> str:
    if value not in RESIZES:
        raise LoadError(f"preprocess.resize is {value!r}; expected one of {', '.join(RESIZES)}")
    return str(value)


def _crop(value: Any) -> float | None:
    if value is False:
        return None
    if not _is_number(value) or not 0 < value <= 1:
        raise LoadError(
            f"preprocess.crop is {value!r}; expected false, or the part of the middle that is kept: 0.875"
        )
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
