"""A tiny network and tiny data, so that a run takes a moment."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from horngate.zoo.backend import import_keras

import_keras()

from horngate.training import (  # noqa: E402
    CheckpointRules,
    Compile,
    DataFrom,
    Fit,
    ModelFrom,
    Named,
    Recipe,
    run,
)
from horngate.training.running import Run  # noqa: E402

Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
COMPILED = Compile(
    optimizer=Named(name="Adam", settings={"learning_rate": 0.02}),
    loss=Named(name="sparse_categorical_crossentropy"),
    metrics=(Named(name="accuracy"),),
)


def two_layers() -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", name="hidden"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(2, activation="softmax", name="answer"),
        ]
    )


@pytest.fixture
def data() -> Arrays:
    """48 rows whose class is the sign of their sum."""
    inputs = np.random.default_rng(7).normal(size=(48, 4)).astype("float32")
    return inputs, (inputs.sum(axis=1) > 0).astype("int64")


@pytest.fixture
def recipe(data: Arrays) -> Recipe:
    """Three epochs of two dense layers on the data, its last quarter measured. No state is written by time."""
    return Recipe(
        model=ModelFrom(source=two_layers),
        data=DataFrom(source=data),
        compile=COMPILED,
        fit=Fit(epochs=3, batch_size=16, validation_split=0.25),
        checkpoints=CheckpointRules(every_s=0),
        seed=11,
    )


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Run]:
    """Run a recipe in a folder of this name; fields can be changed."""

    def train(
        recipe: Recipe, name: str = "run", *, options: dict[str, Any] | None = None, **fields: Any
    ) -> Run:
        return run(replace(recipe, **fields), tmp_path / name, **(options or {}))

    return train


def weights(path: Path) -> list[np.ndarray[Any, Any]]:
    """The stored model's weights."""
    import keras

    found: list[np.ndarray[Any, Any]] = keras.models.load_model(path, compile=False).get_weights()
    return found


def equal(left: Path, right: Path) -> bool:
    """Whether two stored models have the same weights to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(weights(left), weights(right), strict=True))
