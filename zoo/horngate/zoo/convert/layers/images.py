"""Images brought to another size."""

from typing import Any

import keras

from horngate.zoo.convert.graph import Graph, Value
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
    if layer.interpolation not in _WAYS or layer.antialias:
        raise Refused(f"{layer.interpolation} interpolation, antialias={layer.antialias}")
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise Refused("it keeps the aspect ratio by cropping or padding")
    if x.rank != 4 or not x.dtype.startswith("float"):
        raise Refused(f"resizing of {x.dtype} of rank {x.rank}")
    last = layer.data_format == "channels_last"
    x = graph.channels_second(x) if last else graph.plain(x)
    rows, channels = x.shape[0], x.shape[-1] if last else x.shape[1]
    shape = (rows, *size, channels) if last else (rows, channels, *size)
    sizes = graph.op("Shape", x, shape=(2,), dtype="int64", start=0, end=2)
    sizes = graph.op("Concat", sizes, graph.ints(*size), shape=(4,), axis=0)
    return graph.op("Resize", x, None, None, sizes, shape=shape, **_WAYS[layer.interpolation])


@converts(keras.layers.CenterCrop)
def center_crop(graph: Graph, layer: Any, x: Value) -> Value:
    """The middle of an image that is large enough."""
    x = graph.plain(graph.cast(x, layer.compute_dtype))
    first = x.rank - 3 if layer.data_format == "channels_last" else x.rank - 2
    spare = [
        _spare(size, wanted)
        for size, wanted in zip(x.shape[first:], (layer.height, layer.width), strict=False)
    ]
    starts = [room // 2 for room in spare]
    ends = [starts[0] + layer.height, starts[1] + layer.width]
    axes = graph.ints(first, first + 1)
    shape = (*x.shape[:first], layer.height, layer.width, *x.shape[first + 2 :])
    return graph.op("Slice", x, graph.ints(*starts), graph.ints(*ends), axes, shape=shape)


def _spare(size: int | None, wanted: int) -> int:
    if size is None or size < wanted:
        raise Refused(f"it crops to {wanted} an image of size {size}, which Keras may resize instead")
    return size - wanted
