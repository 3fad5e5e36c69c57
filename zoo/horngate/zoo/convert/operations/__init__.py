"""The converters of `keras.ops`: operations on tensors, operators and slices in functional models."""

from horngate.zoo.convert.operations import (
    attention,
    comparing,
    contracting,
    convolving,
    elementwise,
    images,
    indexing,
    matrices,
    networks,
    reducing,
    shaping,
    signals,
    sorting,
    special,
)

__all__ = [
    "attention",
    "comparing",
    "contracting",
    "convolving",
    "elementwise",
    "images",
    "indexing",
    "matrices",
    "networks",
    "reducing",
    "shaping",
    "signals",
    "sorting",
    "special",
]
