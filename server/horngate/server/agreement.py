"""Whether an engine answers as Keras does."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

TOLERANCE = 1e-5
"""Largest difference from Keras that float32 outputs may show, relative to the output's scale."""

HALF_TOLERANCE = 5e-3
"""The same for float16, whose own steps are 1e-3."""


def tolerance(expected: Sequence[Array], *, half: bool = False) -> float:
    """The tolerance that the precision of the outputs allows, or of what is computed on the way to them."""
    return HALF_TOLERANCE if half or any(array.dtype == np.float16 for array in expected) else TOLERANCE


def relative_error(expected: Array, result: Array) -> float:
    """max |result - expected| / max |expected|; inf where shapes, exact values, infinities or NaNs differ."""
    if expected.shape != result.shape:
        return math.inf
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(expected, result) else math.inf
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], result[~finite], equal_nan=True):
        return math.inf
    difference = np.abs(result[finite].astype(np.float64) - expected[finite])
    scale = max(float(np.max(np.abs(expected[finite]), initial=0.0)), 1e-30)
    worst = float(np.max(difference, initial=0.0)) / scale
    return worst if math.isfinite(worst) else math.inf


def worst_error(expected: Sequence[Array], results: Sequence[Array]) -> float:
    """The largest relative error of several outputs."""
    return max(map(relative_error, expected, results), default=0.0)
