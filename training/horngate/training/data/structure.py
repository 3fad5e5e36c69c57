"""The parts of a row: `x`, `y`, `sample_weight`, each one array or several in a list, tuple or dictionary."""

import hashlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from horngate.contract.errors import RecipeError


def row_count(parts: Any) -> int:
    """How many rows all arrays have. RecipeError if they differ."""
    counts = {len(leaf) for leaf in keras.tree.flatten(parts)}
    if len(counts) != 1:
        raise RecipeError(f"data has arrays of {sorted(counts)} rows; expected the same number in each")
    return int(counts.pop())


def cut(parts: Any, start: int, end: int | None) -> Any:
    """The rows from `start` to `end` of each array."""
    return keras.tree.map_structure(lambda leaf: leaf[start:end], parts)


def split_row(rows: int, fraction: float) -> int:
    """The first row of the validation's part: Keras's own rounding. RecipeError if a part is empty."""
    first = int(np.floor(rows * (1.0 - fraction)))
    if first in (0, rows):
        raise RecipeError(
            f"fit.validation_split is {fraction} of {rows} rows, which leaves a part without rows; "
            "change it or give more rows"
        )
    return first


def with_class_weights(parts: tuple[Any, ...], weights: Mapping[int, float]) -> tuple[Any, ...]:
    """`(x, y, w)` tensors of one batch with each row's weight by its class. Classes without one weigh 1."""
    if not weights:
        return parts
    import tensorflow as tf

    targets = parts[1]
    one_hot = targets.shape.rank is not None and targets.shape.rank > 1 and targets.shape[-1] != 1
    classes = tf.argmax(targets, -1) if one_hot else tf.cast(tf.reshape(targets, [-1]), tf.int64)
    table = np.ones(max(weights) + 1, "float32")
    table[list(weights)] = list(weights.values())
    found = tf.gather(tf.constant(table), tf.minimum(classes, len(table) - 1))
    own = tf.where(classes < len(table), found, tf.ones_like(found))
    return (parts[0], targets, own if len(parts) < 3 else own * tf.cast(parts[2], "float32"))


def digest(array: Any) -> str:
    """The SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def as_parts(parts: Any) -> tuple[Any, ...]:
    """A tuple `(x,)`, `(x, y)` or `(x, y, sample_weight)`. RecipeError for another number."""
    found = tuple(parts) if isinstance(parts, tuple | list) else (parts,)
    if not 1 <= len(found) <= 3:
        raise RecipeError(f"data has {len(found)} parts; expected x, y and perhaps sample_weight")
    return found
