"""Where a sliding window stands: the padding of convolutions and poolings, as TensorFlow defines it."""

from collections.abc import Sequence
from typing import Any

from horngate.contract.tensors import Shape


def spatial(shape: Shape, channels_last: bool) -> Shape:
    """The sizes between rows and channels."""
    return shape[1:-1] if channels_last else shape[2:]


def padding(
    kind: str, sizes: Shape, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> dict[str, Any]:
    """The padding attributes of a Conv or Pool node.

    "same" makes outputs of `ceil(size / stride)`. With stride 1 it does not depend on the size; with a larger
    stride and a free size, the engine computes it (`SAME_UPPER`, the odd one after, as TensorFlow).
    """
    if kind == "valid":
        return {"pads": [0] * 2 * len(window)}
    reach = [(size - 1) * step + 1 for size, step in zip(window, dilation, strict=True)]
    if kind == "causal":
        return {"pads": [reach[0] - 1, 0]}
    if any(size is None and stride > 1 for size, stride in zip(sizes, strides, strict=True)):
        return {"auto_pad": "SAME_UPPER"}
    totals = [_total(*one) for one in zip(sizes, reach, strides, strict=True)]
    return {"pads": [total // 2 for total in totals] + [total - total // 2 for total in totals]}


def _total(size: int | None, reach: int, stride: int) -> int:
    if size is None or stride == 1:
        return reach - 1
    return max((-(-size // stride) - 1) * stride + reach - size, 0)


def out_channels(shape: Shape, channels: int | None, channels_last: bool) -> Shape:
    """The shape of a window's output as far as its rank and channels go; Keras declares the sizes."""
    free = (None,) * (len(shape) - 2)
    return (shape[0], *free, channels) if channels_last else (shape[0], channels, *free)
