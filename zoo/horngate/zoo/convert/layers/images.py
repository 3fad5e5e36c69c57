"""Images brought to another size."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.activations import clip, scalar
from horngate.zoo.convert.registry import Refused, converts

_WAYS: dict[str, dict[str, str]] = {
    # TensorFlow takes floor((i + 0.5) * ratio), which is the nearest centre, the upper one of two.
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "half_pixel",
        "nearest_mode": "round_prefer_ceil",
    },
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
}


@converts(keras.layers.Resizing)
def resizing(graph: Graph, layer: Any, x: Value) -> Value:
    """A fixed size, whatever the input's."""
    return resized(graph, layer, x, (layer.height, layer.width))


def resized(graph: Graph, layer: Any, x: Value, size: tuple[int, int]) -> Value:
    """An image of this height and width, in the way that a layer or operation is set to."""
    if x.rank != 4:
        raise Refused(f"resizing of a tensor of rank {x.rank}")
    dtype = x.dtype
    is_float = keras.backend.is_float_dtype(dtype)
    if not is_float and layer.interpolation != "nearest":
        raise Refused(
            f"it rounds interpolated {dtype}, and what lies in the middle may fall to the other side"
        )
    last = layer.data_format == "channels_last"
    x = x if is_float else graph.cast(x, "float32")
    x = graph.channels_second(x) if last else graph.plain(x)
    x = _fitted(graph, layer, x, size)
    if layer.interpolation in _WAYS and not layer.antialias:
        y = _interpolated(graph, layer, x, size)
    else:
        y = _weighted(graph, layer, x, size)
    return y if is_float else saturated(graph, graph.op("Round", y), dtype)


def saturated(graph: Graph, x: Value, dtype: str) -> Value:
    """Floats in an integer dtype, what is beyond its bounds at the bounds."""
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**31)), min(limits.max, 2**31 - 128)
    return graph.cast(clip(graph, x, low, high), dtype)


def _interpolated(graph: Graph, layer: Any, x: Value, size: tuple[int, int]) -> Value:
    sizes = graph.op("Shape", x, shape=(2,), dtype="int64", start=0, end=2)
    sizes = graph.op("Concat", sizes, graph.ints(*size), shape=(4,), axis=0)
    return graph.op(
        "Resize", x, None, None, sizes, shape=_of_size(layer, x, size), **_WAYS[layer.interpolation]
    )


def _weighted(graph: Graph, layer: Any, x: Value, size: tuple[int, int]) -> Value:
    """Each way of Keras's is a sum with weights along either axis; what the weights are, Keras itself says."""
    height, width = _sizes(layer, x)
    if height is None or width is None:
        raise Refused(f"{layer.interpolation} interpolation, antialias={layer.antialias}, of a free size")
    rows = graph.constant(_weights(layer, height, size[0]), dtype=x.dtype, name="rows")
    columns = graph.constant(_weights(layer, width, size[1]).T, dtype=x.dtype, name="columns")
    narrow = graph.op("MatMul", x, columns, shape=_of_size(layer, x, (height, size[1])))
    shape = _of_size(layer, x, size)
    return graph.op("MatMul", rows, narrow, shape=shape, dtype=x.dtype, moved=x.moved)


def _weights(layer: Any, size: int, wanted: int) -> np.ndarray[Any, Any]:
    """How much each of `size` positions counts for each of `wanted`."""
    unit = np.eye(size, dtype="float32")[np.newaxis, :, :, np.newaxis]
    way = {"interpolation": layer.interpolation, "antialias": layer.antialias}
    answer = keras.ops.image.resize(unit, (wanted, size), data_format="channels_last", **way)
    return np.asarray(keras.ops.convert_to_numpy(answer))[0, :, :, 0]


def _fitted(graph: Graph, layer: Any, x: Value, size: tuple[int, int]) -> Value:
    """The middle of the wanted proportions, or the whole with an edge around it, if the layer keeps them."""
    if not (layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio):
        return x
    height, width = _sizes(layer, x)
    if height is None or width is None:
        raise Refused("it keeps the proportions of an image of a free size")
    tall, wide = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    if layer.crop_to_aspect_ratio:
        return _cut(graph, layer, x, (max(min(height, tall), 1), max(min(width, wide), 1)))
    before = (max(height, tall) - height) // 2, (max(width, wide) - width) // 2
    shape = _of_size(layer, x, (height + 2 * before[0], width + 2 * before[1]))
    filled = scalar(graph, layer.fill_value, x)
    return graph.op("Pad", x, graph.ints(0, 0, *before, 0, 0, *before), filled, shape=shape)


def _cut(graph: Graph, layer: Any, x: Value, size: tuple[int, int]) -> Value:
    """The middle of an image stored with its channels second."""
    begin = [((whole or 0) - part) // 2 for whole, part in zip(_sizes(layer, x), size, strict=True)]
    end = [first + part for first, part in zip(begin, size, strict=True)]
    shape = _of_size(layer, x, size)
    return graph.op("Slice", x, graph.ints(*begin), graph.ints(*end), graph.ints(2, 3), shape=shape)


def _sizes(layer: Any, x: Value) -> tuple[int | None, int | None]:
    first = 1 if layer.data_format == "channels_last" else 2
    return x.shape[first], x.shape[first + 1]


def _of_size(layer: Any, x: Value, size: tuple[int, int]) -> tuple[int | None, ...]:
    last = layer.data_format == "channels_last"
    return (x.shape[0], *size, x.shape[-1]) if last else (x.shape[0], x.shape[1], *size)


@converts(keras.layers.CenterCrop)
def center_crop(graph: Graph, layer: Any, x: Value) -> Value:
    """The middle of an image, enlarged first if it is too small."""
    x = graph.cast(x, layer.compute_dtype)
    wanted = (layer.height, layer.width)
    height, width = _sizes(layer, x)
    if x.rank != 4 or height is None or width is None:
        raise Refused(f"it crops an image of shape {x.shape}, which Keras may resize instead")
    x = graph.channels_second(x) if layer.data_format == "channels_last" else graph.plain(x)
    if height >= wanted[0] and width >= wanted[1]:
        return _cut(graph, layer, x, wanted)
    return resized(graph, Ways(data_format=layer.data_format, crop_to_aspect_ratio=True), x, wanted)


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How to resize, as a Resizing layer has it."""

    data_format: str
    interpolation: str = "bilinear"
    antialias: bool = False
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False


@converts(keras.layers.AutoContrast)
def auto_contrast(graph: Graph, layer: Any, x: Value) -> Value:
    """Each channel stretched over the whole range; a channel of one value stays."""
    if not x.dtype.startswith("float") or x.rank != 4:
        raise Refused(f"contrast of {x.dtype} of rank {x.rank}")
    images = graph.plain(x)
    begin, end = layer.value_range
    bright = graph.op(
        "Mul", graph.op("Sub", images, scalar(graph, begin, x)), scalar(graph, 255 / (end - begin), x)
    )
    shape = (x.shape[0], 1, 1, x.shape[3])
    low, high = (graph.op(kind, bright, graph.ints(1, 2), shape=shape) for kind in ("ReduceMin", "ReduceMax"))
    stretch = graph.op("Div", scalar(graph, 255, x), graph.op("Sub", high, low), shape=shape)
    offset = graph.op("Mul", graph.op("Neg", low), stretch)
    wide = clip(graph, graph.op("Add", graph.op("Mul", bright, stretch), offset), 0, 255)
    back = graph.op(
        "Add", graph.op("Mul", wide, scalar(graph, (end - begin) / 255, x)), scalar(graph, begin, x)
    )
    strange = graph.op("IsNaN", back, dtype="bool")
    return graph.op("Where", strange, images, back, shape=x.shape, dtype=x.dtype)
