"""What each layer makes of a shape, for the layers of which their settings tell it."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

Shape = tuple[int | None, ...]
Config = Mapping[str, Any]
Rule = Callable[[Config, Sequence[Shape]], Shape | None]


def output_shape(class_name: str, config: Config, inputs: Sequence[Shape]) -> Shape | None:
    """The shape that a layer's output has, or None where that is not known."""
    rule = _RULES.get(class_name)
    if rule is None or not inputs:
        return None
    try:
        return rule(config, inputs)
    except (LookupError, TypeError, ValueError):
        return None


def _same(config: Config, inputs: Sequence[Shape]) -> Shape:
    return inputs[0]


def _last(key: str) -> Rule:
    """Layers that work on the last axis and set its size."""
    return lambda config, inputs: (*inputs[0][:-1], int(config[key]))


def _embedding(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (*inputs[0], int(config["output_dim"]))


def _flatten(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (inputs[0][0], _product(inputs[0][1:]))


def _reshape(config: Config, inputs: Sequence[Shape]) -> Shape:
    target: list[int | None] = [int(size) for size in config["target_shape"]]
    whole = _product(inputs[0][1:])
    if -1 in target:
        known = -prod(size or 1 for size in target)
        target[target.index(-1)] = None if whole is None else whole // known
    return (inputs[0][0], *target)


def _permute(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (inputs[0][0], *(inputs[0][int(axis)] for axis in config["dims"]))


def _repeat(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (inputs[0][0], int(config["n"]), inputs[0][1])


def _recurrent(config: Config, inputs: Sequence[Shape]) -> Shape:
    units = int(config["units"])
    return (*inputs[0][:2], units) if config.get("return_sequences") else (inputs[0][0], units)


def _concatenated(config: Config, inputs: Sequence[Shape]) -> Shape:
    axis = int(config.get("axis", -1)) % len(inputs[0])
    sizes = [shape[axis] for shape in inputs]
    together = None if None in sizes else sum(size or 0 for size in sizes)
    return (*inputs[0][:axis], together, *inputs[0][axis + 1 :])


def _merged(config: Config, inputs: Sequence[Shape]) -> Shape:
    """Shapes that broadcast, of as many axes each."""
    if len({len(shape) for shape in inputs}) > 1:
        raise ValueError
    return tuple(
        None if None in sizes else max(size or 1 for size in sizes) for sizes in zip(*inputs, strict=True)
    )


def _attention(config: Config, inputs: Sequence[Shape]) -> Shape:
    query, value = inputs[0], inputs[1]
    return (*query[:-1], value[-1])


def _like_the_query(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    return inputs[0] if config.get("output_shape") is None else None


def _convolved(config: Config, inputs: Sequence[Shape]) -> Shape:
    space, channels, rows = _axes(config, inputs[0])
    kernel, strides, dilation = (_each(config.get(key, 1), len(space)) for key in _WINDOW)
    wide = [(size - 1) * wider + 1 for size, wider in zip(kernel, dilation, strict=True)]
    sizes = _slid(space, wide, strides, config)
    given = channels or 0
    made = int(config["filters"]) if "filters" in config else given * int(config.get("depth_multiplier", 1))
    return _arranged(config, rows, sizes, made or None)


def _transposed(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    space, _, rows = _axes(config, inputs[0])
    kernel, strides = (_each(config.get(key, 1), len(space)) for key in _WINDOW[:2])
    if config.get("output_padding") is not None or max(_each(config.get("dilation_rate", 1), 1)) > 1:
        return None
    grown = 0 if config.get("padding") == "same" else 1
    sizes = [
        None if size is None else size * stride + grown * max(width - stride, 0)
        for size, width, stride in zip(space, kernel, strides, strict=True)
    ]
    return _arranged(config, rows, sizes, int(config["filters"]))


def _pooled(config: Config, inputs: Sequence[Shape]) -> Shape:
    space, channels, rows = _axes(config, inputs[0])
    pool = _each(config["pool_size"], len(space))
    strides = _each(config.get("strides") or pool, len(space))
    return _arranged(config, rows, _slid(space, pool, strides, config), channels)


def _pooled_whole(config: Config, inputs: Sequence[Shape]) -> Shape:
    space, channels, rows = _axes(config, inputs[0])
    return _arranged(config, rows, [1] * len(space), channels) if config.get("keepdims") else (rows, channels)


def _enlarged(config: Config, inputs: Sequence[Shape]) -> Shape:
    space, channels, rows = _axes(config, inputs[0])
    factors = _each(config["size"], len(space))
    sizes = [None if size is None else size * factor for size, factor in zip(space, factors, strict=True)]
    return _arranged(config, rows, sizes, channels)


def _widened(sign: int, key: str) -> Rule:
    """Padding adds to each axis of space, cropping takes from it."""

    def rule(config: Config, inputs: Sequence[Shape]) -> Shape:
        space, channels, rows = _axes(config, inputs[0])
        told = config[key]
        pairs = told if isinstance(told, list) and len(space) == len(told) > 1 else [told] * len(space)
        added = [sum(_each(pair, 2)) for pair in pairs]
        sizes = [
            None if size is None else size + sign * more for size, more in zip(space, added, strict=True)
        ]
        return _arranged(config, rows, sizes, channels)

    return rule


def _resized(config: Config, inputs: Sequence[Shape]) -> Shape:
    _, channels, rows = _axes(config, inputs[0])
    return _arranged(config, rows, [int(config["height"]), int(config["width"])], channels)


_WINDOW = ("kernel_size", "strides", "dilation_rate")


def _axes(config: Config, shape: Shape) -> tuple[Sequence[int | None], int | None, int | None]:
    """The axes of space, the channels and the rows."""
    if config.get("data_format") == "channels_first":
        return shape[2:], shape[1], shape[0]
    return shape[1:-1], shape[-1], shape[0]


def _arranged(config: Config, rows: int | None, space: Sequence[int | None], channels: int | None) -> Shape:
    first = config.get("data_format") == "channels_first"
    return (rows, channels, *space) if first else (rows, *space, channels)


def _slid(
    space: Sequence[int | None], window: Sequence[int], strides: Sequence[int], config: Config
) -> list[int | None]:
    inside = config.get("padding", "valid") == "valid"
    return [
        None if size is None else -(-(size - (width - 1 if inside else 0)) // stride)
        for size, width, stride in zip(space, window, strides, strict=True)
    ]


def _each(value: Any, count: int) -> list[int]:
    return [int(one) for one in value] if isinstance(value, list | tuple) else [int(value)] * count


def _product(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else prod(size or 0 for size in sizes)


_UNCHANGING = """
    Activation ActivityRegularization AlphaDropout BatchNormalization Dropout ELU GaussianDropout GaussianNoise
    GroupNormalization Identity LayerNormalization LeakyReLU Masking Normalization PReLU RandomBrightness
    RandomContrast RandomFlip RandomRotation RandomTranslation RandomZoom ReLU Rescaling Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D ThresholdedReLU UnitNormalization
""".split()

_RULES: dict[str, Rule] = {
    **dict.fromkeys(_UNCHANGING, _same),
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _merged),
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN"), _recurrent),
    **{f"Conv{n}D": _convolved for n in "123"},
    **{f"SeparableConv{n}D": _convolved for n in "12"},
    **{f"DepthwiseConv{n}D": _convolved for n in "12"},
    **{f"LocallyConnected{n}D": _convolved for n in "12"},
    **{f"Conv{n}DTranspose": _transposed for n in "123"},
    **{f"{kind}Pooling{n}D": _pooled for n in "123" for kind in ("Average", "Max")},
    **{f"Global{kind}Pooling{n}D": _pooled_whole for n in "123" for kind in ("Average", "Max")},
    **{f"UpSampling{n}D": _enlarged for n in "123"},
    **{f"ZeroPadding{n}D": _widened(1, "padding") for n in "123"},
    **{f"Cropping{n}D": _widened(-1, "cropping") for n in "123"},
    "Attention": _attention,
    "CenterCrop": _resized,
    "Concatenate": _concatenated,
    "Dense": _last("units"),
    "Embedding": _embedding,
    "Flatten": _flatten,
    "MultiHeadAttention": _like_the_query,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "Reshape": _reshape,
    "Resizing": _resized,
}
