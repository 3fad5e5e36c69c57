"""EfficientNet-lite0 in Keras: EfficientNet without squeezing, with ReLU6 instead of swish."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.zoo.real.torch_file import Array

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, size of the kernel, stride of the first, widening, filters."""
SIZE = 224
MEAN, SCALE = 127.0, 128.0


class Lite0:
    """Builds the network and gives each layer its weights as it is made."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._waiting: list[tuple[Any, list[Array]]] = []

    def build(self) -> keras.Model:
        """The network, from pixels that MEAN was taken from and that were divided by SCALE."""
        image = x = layers.Input((SIZE, SIZE, 3), name="image")
        x = self._convolved(x, "_conv_stem", "_bn0", kernel=3, stride=2, filters=32)
        number = 0
        for count, kernel, stride, widening, filters in STAGES:
            for block in range(count):
                x = self._block(
                    x, f"_blocks.{number}", kernel, stride if block == 0 else 1, widening, filters
                )
                number += 1
        x = self._convolved(x, "_conv_head", "_bn1", kernel=1, stride=1, filters=1280)
        x = layers.GlobalAveragePooling2D(name="features")(x)
        head = layers.Dense(1000, activation="softmax", name="predictions")
        x = head(x)
        self._waiting.append((head, [self._weights["_fc.weight"].T, self._weights["_fc.bias"]]))
        for layer, arrays in self._waiting:
            layer.set_weights(arrays)
        return keras.Model(image, x, name="efficientnet_lite0")

    def _block(self, x: Any, name: str, kernel: int, stride: int, widening: int, filters: int) -> Any:
        past, wide = x, x.shape[-1] * widening
        if widening > 1:
            x = self._convolved(x, f"{name}._expand_conv", f"{name}._bn0", kernel=1, stride=1, filters=wide)
        x = self._convolved(
            x, f"{name}._depthwise_conv", f"{name}._bn1", kernel=kernel, stride=stride, filters=None
        )
        x = self._convolved(
            x, f"{name}._project_conv", f"{name}._bn2", kernel=1, stride=1, filters=filters, bends=False
        )
        return layers.Add()([past, x]) if stride == 1 and past.shape[-1] == filters else x

    def _convolved(
        self,
        x: Any,
        name: str,
        normalized: str,
        *,
        kernel: int,
        stride: int,
        filters: int | None,
        bends: bool = True,
    ) -> Any:
        options: dict[str, Any] = {"padding": "same", "use_bias": False, "strides": stride}
        kind = layers.DepthwiseConv2D if filters is None else layers.Conv2D
        layer = kind(*([] if filters is None else [filters]), kernel, **options)
        stored = self._weights[f"{name}.weight"]
        # PyTorch has (out, in, rows, columns); a depthwise kernel's `in` is the one that each channel has.
        axes = (2, 3, 0, 1) if filters is None else (2, 3, 1, 0)
        self._waiting.append((layer, [np.transpose(stored, axes)]))
        normalization = layers.BatchNormalization(epsilon=1e-3)
        parts = ("weight", "bias", "running_mean", "running_var")
        self._waiting.append((normalization, [self._weights[f"{normalized}.{part}"] for part in parts]))
        x = normalization(layer(x))
        return layers.ReLU(6.0)(x) if bends else x
