"""A tiny network and tiny data, so that a fit takes a moment."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def two_layers() -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", name="hidden"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(2, activation="softmax", name="answer"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def build() -> Callable[[], Any]:
    """Two dense layers, compiled, 4 numbers in, 2 classes out."""
    return two_layers


@pytest.fixture
def data() -> Arrays:
    """48 rows whose class is the sign of their sum."""
    inputs = np.random.default_rng(7).normal(size=(48, 4)).astype("float32")
    return inputs, (inputs.sum(axis=1) > 0).astype("int64")
