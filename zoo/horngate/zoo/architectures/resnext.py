"""ResNeXt, which Keras has no more: layers named, ordered and shaped as its published weights are.

The published files hold the grouped convolutions as depthwise kernels; `files.rebuild.stored_forms` turns them.
Aggregated Residual Transformations for Deep Neural Networks, https://arxiv.org/abs/1611.05431
"""

from typing import Any

import keras
from keras import layers

GROUPS = 32
_EPSILON = 1.001e-5
_FILTERS = (128, 256, 512, 1024)

Tensor = Any


def ResNeXt50(**arguments: Any) -> keras.Model:
    """50 layers; the arguments of `resnext`."""
    return resnext(blocks=(3, 4, 6, 3), name="resnext50", **arguments)


def ResNeXt101(**arguments: Any) -> keras.Model:
    """101 layers; the arguments of `resnext`."""
    return resnext(blocks=(3, 4, 23, 3), name="resnext101", **arguments)


def resnext(
    *,
    blocks: tuple[int, ...],
    name: str,
    filters: tuple[int, ...] = _FILTERS,
    weights: None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classes: int = 1000,
    input_shape: tuple[int | None, int | None, int] | None = None,
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """Stacks of so many blocks with so many filters in their grouped convolutions, untrained.

    The other arguments are those of `keras.applications`.
    """
    shape = input_shape or ((224, 224, 3) if include_top else (None, None, 3))
    image = layers.Input(shape)
    x = _stem(image)
    for stage, (count, width) in enumerate(zip(blocks, filters, strict=True), start=2):
        for block in range(1, count + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            x = _block(x, width, stride, is_first=block == 1, name=f"conv{stage}_block{block}")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="probs")(x)
    elif pooling is not None:
        kind = layers.GlobalAveragePooling2D if pooling == "avg" else layers.GlobalMaxPooling2D
        x = kind(name=f"{pooling}_pool")(x)
    return keras.Model(image, x, name=name)


def _stem(x: Tensor) -> Tensor:
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _normalized(layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x), "conv1_bn")
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _block(x: Tensor, filters: int, stride: int, *, is_first: bool, name: str) -> Tensor:
    """Narrow, convolve in groups, widen, add. The first of a stack widens what goes past it, too."""
    wide = 2 * filters
    past = _convolved(x, wide, f"{name}_0", strides=stride) if is_first else x
    x = layers.Activation("relu", name=f"{name}_1_relu")(_convolved(x, filters, f"{name}_1"))
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = _convolved(x, filters, f"{name}_2", kernel_size=3, strides=stride, groups=GROUPS)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Add(name=f"{name}_add")([past, _convolved(x, wide, f"{name}_3")])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _convolved(x: Tensor, filters: int, name: str, *, kernel_size: int = 1, **how: Any) -> Tensor:
    x = layers.Conv2D(filters, kernel_size, use_bias=False, name=f"{name}_conv", **how)(x)
    return _normalized(x, f"{name}_bn")


def _normalized(x: Tensor, name: str) -> Tensor:
    return layers.BatchNormalization(axis=-1, epsilon=_EPSILON, name=name)(x)
