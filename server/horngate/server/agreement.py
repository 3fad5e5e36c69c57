"""Whether an engine answers as Keras does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

TOLERANCE = 1e-5
"""Largest difference from Keras that float32 outputs may show, relative to the output's scale."""

HALF_TOLERANCE = 5e-3
"""The same for float16, whose own steps are 1e-3."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How an engine's answers compare with Keras's on some rows. `error` is the worst one's; see `relative_error`.

    `top1` is the part of the rows with the same most likely class, None where no output is of classes.
    """

    error: float
    rows: int
    top1: float | None = None

    @classmethod
    def of(cls, expected: Sequence[Array], results: Sequence[Array]) -> "Agreement":
        """Compare outputs."""
        rows = max((len(array) for array in expected), default=0)
        return cls(error=worst_error(expected, results), rows=rows, top1=top1_share(expected, results))

    def __str__(self) -> str:
        same = "" if self.top1 is None else f", the same class for {self.top1:.1%}"
        return f"differs from Keras by {self.error:.1e} of the output's scale{same} on {self.rows} rows"


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


def is_distribution(output: Array) -> bool:
    """Whether an output is a probability for each of some classes, row by row."""
    if output.ndim != 2 or output.shape[1] < 2 or output.dtype.kind != "f":
        return False
    return bool(output.min(initial=0.0) >= 0.0 and np.allclose(output.sum(axis=1), 1.0, atol=1e-2))


def top1_share(expected: Sequence[Array], results: Sequence[Array]) -> float | None:
    """The part of the rows whose most likely class is the same, in the worst output; None without classes."""
    shares = [
        float(np.mean(one.argmax(axis=1) == other.argmax(axis=1)))
        for one, other in zip(expected, results, strict=True)
        if is_distribution(one) and one.shape == other.shape
    ]
    return min(shares, default=None)


def worst_error(expected: Sequence[Array], results: Sequence[Array]) -> float:
    """The largest relative error of several outputs."""
    return max(map(relative_error, expected, results), default=0.0)
