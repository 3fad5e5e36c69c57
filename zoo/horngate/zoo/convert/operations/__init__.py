"""The converters of `keras.ops`: operations on tensors, operators and slices in functional models."""

from horngate.zoo.convert.operations import (
    attention,
    comparing,
    contracting,
    convolving,
    elementwise,
    images,
    indexing,
    networks,
    reducing,
    shaping,
    sorting,
)

__all__ = [
    "attention",
    "comparing",
    "contracting",
    "convolving",
    "elementwise",
    "images",
    "indexing",
    "networks",
    "reducing",
    "shaping",
    "sorting",
]
