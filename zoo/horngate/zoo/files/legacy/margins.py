"""Windows that begin before their input, as Theano's do, made of windows that do not."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import keras

Margin = tuple[int, int]
"""Places before and after an axis; fewer than none after it is how much of it no window may see."""


def margin(size: int | None, kernel: int, stride: int, before: int) -> Margin:
    """Places before, and after what they make of `ceil(size / stride)` windows.

    ValueError where that depends on a size that is not known.
    """
    if size is not None:
        return before, (ceil(size / stride) - 1) * stride + kernel - size - before
    if stride == 1:
        return before, kernel - 1 - before
    if kernel == 2 * before + 1:
        return before, before
    raise ValueError(f"windows of {kernel} with strides of {stride} need an input of a known size")


def with_margins(x: Any, margins: Sequence[Margin], filling: float = 0.0) -> Any:
    """The input with its margins, one pair an axis."""
    x = x[tuple(slice(None, min(after, 0) or None) for _, after in margins)]
    pads = [(before, max(after, 0)) for before, after in margins]
    return keras.ops.pad(x, pads, constant_values=filling)
