"""The converters of Keras's own layers, one concept a module; importing this registers them all."""

from horngate.zoo.convert.layers import (
    activation_layers,
    activations,
    convolution,
    dense,
    embedding,
    identity,
    merging,
    normalization,
    padding,
    pooling,
    recurrent,
    reshaping,
    scaling,
    transposed_convolution,
    wrappers,
)

__all__ = [
    "activation_layers",
    "activations",
    "convolution",
    "dense",
    "embedding",
    "identity",
    "merging",
    "normalization",
    "padding",
    "pooling",
    "recurrent",
    "reshaping",
    "scaling",
    "transposed_convolution",
    "wrappers",
]
