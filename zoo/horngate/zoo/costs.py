"""What a layer costs a row, from its class, its settings and its shapes; needs no Keras.

Counted are multiply-adds: of products with weights, of tensors with one another, and one for each value that is
normalized, averaged or scaled. A FLOP count is twice that. Additions, comparisons and activations are not counted,
as published counts leave them out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

Shape = Sequence[int | None]
Config = Mapping[str, Any]
Rule = Callable[[Config, Sequence[Shape], Shape], int]

_NORMALIZERS = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
                "UnitNormalization", "Normalization", "Rescaling")  # fmt: skip
_STEPPED = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_PRODUCTS = frozenset({"Matmul", "Einsum", "Tensordot", "Inner", "Outer", "DotProductAttention"})
"""Operations on tensors that multiply, in ways that their shapes alone do not tell."""


def macs(
    class_name: str, config: Config, inputs: Sequence[Shape], output: Shape, *, has_weights: bool
) -> int | None:
    """Multiply-adds a row; None where an axis is free, or the layer is not known and may have any cost."""
    if any(size is None for shape in (*inputs, output) for size in shape[1:]):
        return None
    rule = _rule(class_name)
    if rule is not None:
        try:
            return rule(config, inputs, output)
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
        ):  # settings of another age, or a class of that name
            return None
    return None if has_weights or class_name in _PRODUCTS else 0


def _rule(class_name: str) -> Rule | None:
    if class_name in _NORMALIZERS:
        return _one_each
    if class_name in _STEPPED:
        return lambda config, inputs, output: _steps(_STEPPED[class_name], config, inputs)
    return _RULES.get(_base(class_name))


def _base(class_name: str) -> str:
    """The name without the number of its spatial axes."""
    return re.sub("[123]D", "", class_name)


def _size(shape: Shape) -> int:
    return prod(size or 1 for size in shape[1:])


def _one_each(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return _size(output)


def _nothing(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return 0


def _dense(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return _size(output) * _last(inputs[0])


def _last(shape: Shape) -> int:
    return int(shape[-1] or 1)


def _channels(config: Config, shape: Shape) -> int:
    first = config.get("data_format") == "channels_first"
    return int((shape[1] if first else shape[-1]) or 1)


def _window(config: Config, key: str, axes: int) -> int:
    sides = config[key]
    return sides**axes if isinstance(sides, int) else prod(sides)


def _convolution(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    kernel = _window(config, "kernel_size", len(output) - 2)
    return _size(output) * kernel * _channels(config, inputs[0]) // int(config.get("groups", 1))


def _depthwise(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return _size(output) * _window(config, "kernel_size", len(output) - 2)


def _separable(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    deep = _channels(config, inputs[0]) * int(config.get("depth_multiplier", 1))
    positions = _size(output) // _channels(config, output)
    return positions * deep * _window(config, "kernel_size", len(output) - 2) + _size(output) * deep


def _transposed(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return (
        _size(inputs[0])
        * _window(config, "kernel_size", len(output) - 2)
        * _channels(config, output)
        // int(config.get("groups", 1))
    )


def _average(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return _size(output) * _window(config, "pool_size", len(output) - 2)


def _whole_average(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return _size(inputs[0])


def _steps(gates: int, config: Config, inputs: Sequence[Shape]) -> int:
    steps, width, units = int(inputs[0][1] or 1), _last(inputs[0]), int(config["units"])
    return steps * gates * units * (width + units)


def _convolved_steps(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    axes, filters = len(inputs[0]) - 3, int(config["filters"])
    of_step = tuple(output)[-axes - 1 :]
    kernel = _window(config, "kernel_size", axes)
    wide = _last(inputs[0]) + filters
    return int(inputs[0][1] or 1) * 4 * prod(size or 1 for size in of_step) * kernel * wide


def _einsum_dense(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    terms, result = config["equation"].replace(" ", "").split("->")
    taken = terms.split(",")[0]
    if "..." in taken:
        # The axes that are not spelled out are the output's as well.
        return _size(output) * prod(
            size or 1
            for label, size in zip(taken.replace("...", "")[::-1], tuple(inputs[0])[::-1], strict=False)
            if label not in result
        )
    sizes = dict(zip(result, output, strict=True)) | dict(zip(taken, inputs[0], strict=True))
    return prod(size or 1 for size in sizes.values())


def _multi_head(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    query, value = inputs[0], inputs[min(1, len(inputs) - 1)]
    key = inputs[2] if len(inputs) > 2 else value
    heads, narrow = int(config["num_heads"]), int(config["key_dim"])
    wide = int(config.get("value_dim") or narrow)
    asked, there = _size(query) // _last(query), _size(value) // _last(value)
    projected = _size(query) * narrow + _size(key) * narrow + _size(value) * wide
    attended = asked * there * (narrow + wide)
    return heads * (projected + attended + asked * wide * _last(output))


def _attention(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    query, value = inputs[0], inputs[1]
    return int(query[1] or 1) * (_size(value) + _size(inputs[2] if len(inputs) > 2 else value))


def _dot(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    axes = config["axes"]
    axis = axes if isinstance(axes, int) else axes[0]
    return _size(output) * int(inputs[0][axis] or 1)


def _multiply(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return max(1, len(inputs) - 1) * _size(output)


def _both_ways(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    return 2 * _wrapped(config["layer"], inputs[:1], output)


def _each_step(config: Config, inputs: Sequence[Shape], output: Shape) -> int:
    step, made = ((shape[0], *shape[2:]) for shape in (inputs[0], output))
    return int(inputs[0][1] or 1) * _wrapped(config["layer"], [step], made)


def _wrapped(layer: Mapping[str, Any], inputs: Sequence[Shape], output: Shape) -> int:
    found = macs(layer["class_name"], layer["config"], inputs, output, has_weights=True)
    if found is None:
        raise ValueError(f"the cost of a {layer['class_name']} is not known")
    return found


_RULES: Mapping[str, Rule] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _nothing,
    "PReLU": _one_each,
    "Conv": _convolution,
    "DepthwiseConv": _depthwise,
    "SeparableConv": _separable,
    "ConvTranspose": _transposed,
    "AveragePooling": _average,
    "GlobalAveragePooling": _whole_average,
    "ConvLSTM": _convolved_steps,
    "MultiHeadAttention": _multi_head,
    "Attention": _attention,
    "Dot": _dot,
    "Multiply": _multiply,
    "Bidirectional": _both_ways,
    "TimeDistributed": _each_step,
}
