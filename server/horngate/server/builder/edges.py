"""Inputs on which a wrong conversion shows: nothing, much, masked steps, other numbers of rows and other sizes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from horngate.contract.models import ModelSpec
from horngate.server.builder.holes import mask_values, with_holes
from horngate.server.builder.reference import Array, has_free_sizes, reference_inputs

_LARGE = 10
_FEWER = 3
"""A free size is tried smaller by this, too."""


def edge_inputs(model: Any, spec: ModelSpec, inputs: Sequence[Array]) -> Iterator[tuple[str, list[Array]]]:
    """What each case is, and its inputs. `inputs` are the reference's, which Keras is known to take."""
    generator = np.random.default_rng(1)
    yield "nothing but zeros", [_zeros(array) for array in inputs]
    yield "one row", [array[:1] for array in inputs]
    yield "large values", [_large(array)[:2] for array in inputs]
    free_size = _free_size(spec, inputs)
    seven = reference_inputs(model, spec, free_size, seed=2, rows=7)
    masks = mask_values(model)
    yield "seven rows", [with_holes(generator, array, masks, whole_row=True) for array in seven]
    for value in masks - {0.0}:
        yield f"every step masked by {value}", [_filled(array, value) for array in inputs]
    if has_free_sizes(spec):
        yield "smaller free sizes", reference_inputs(model, spec, max(free_size - _FEWER, 1), seed=3, rows=2)


def _zeros(array: Array) -> Array:
    return np.zeros_like(array) if array.dtype != object else array


def _large(array: Array) -> Array:
    """Whole numbers in floats are indices: a larger one may be none."""
    is_value = array.dtype.kind == "f" and not np.array_equal(array, np.round(array))
    return array * _LARGE if is_value else array


def _free_size(spec: ModelSpec, inputs: Sequence[Array]) -> int:
    """The free size that the reference has."""
    sizes = [
        found
        for tensor, array in zip(spec.inputs, inputs, strict=True)
        for size, found in zip(tensor.shape[1:], array.shape[1:], strict=True)
        if size is None
    ]
    return sizes[0] if sizes else 1


def _filled(array: Array, value: float) -> Array:
    return np.full_like(array, value) if array.dtype.kind == "f" else array
