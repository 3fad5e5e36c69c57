"""Steps that hold what marks padding."""

from collections.abc import Collection
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def mask_values(model: Any) -> set[float]:
    """What marks a step as padding: zero in words, what each Masking says in others."""
    import keras

    layers = list(model._flatten_layers())
    values = {float(layer.mask_value) for layer in layers if isinstance(layer, keras.layers.Masking)}
    return values | {0.0 for layer in layers if getattr(layer, "mask_zero", False)}


def with_holes(
    generator: np.random.Generator, array: Array, values: Collection[float], *, whole_row: bool
) -> Array:
    """About half of the steps hold what marks padding: all of the first row's, or never a row's first."""
    if not values or array.ndim < 2 or array.dtype == object:
        return array
    padded = generator.random(array.shape[:2]) < 0.5
    if whole_row:
        padded[0] = True
    else:
        padded[:, 0] = False
    masked = array.copy()
    masked[padded] = min(values)
    return masked
