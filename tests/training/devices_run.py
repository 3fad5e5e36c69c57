"""A process with two virtual devices that trains a recipe on one, on both, and first on both and then on one.

    HORNGATE_VIRTUAL_DEVICES=2 KERAS_BACKEND=jax python devices_run.py FOLDER

Batches of 16 divide 64 rows; 77 leave 13 for the last one, and 65 a single row. It prints, as JSON, each run's
History beside that of the run on one device, and how far its weights are from that one's.
"""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from horngate.zoo.backend import import_keras

keras = import_keras()

import numpy as np  # noqa: E402

from horngate.training import (  # noqa: E402
    CheckpointRules,
    Compile,
    DataFrom,
    Fit,
    ModelFrom,
    Named,
    Recipe,
    Stopped,
    run,
)


def network() -> Any:
    """A network without chance, which each device would have of its own."""
    layers = keras.layers
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax")])


def arrays(rows: int) -> Any:
    """Rows whose class is the sign of their sum."""
    x = np.random.default_rng(rows).normal(size=(rows, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int64")


def recipe(rows: int) -> Recipe:
    """Two epochs in batches of 16, measured on 21 rows."""
    return Recipe(
        model=ModelFrom(source=network),
        data=DataFrom(source=arrays(rows)),
        validation=DataFrom(source=arrays(21)),
        compile=Compile(
            optimizer=Named(name="Adam"),
            loss=Named(name="sparse_categorical_crossentropy"),
            metrics=(Named(name="accuracy"),),
        ),
        fit=Fit(epochs=2, batch_size=16),
        checkpoints=CheckpointRules(every_s=0),
    )


class StopAfter(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the run by SIGTERM after so many batches."""

    only_shows = True

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGTERM)


def weights(path: Path) -> list[Any]:
    """The stored model's."""
    found: list[Any] = keras.models.load_model(path, compile=False).get_weights()
    return found


def distance(one: Path, other: Path) -> float:
    """How far the stored models' weights are from each other at most."""
    pairs = zip(weights(one), weights(other), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def main(folder: Path) -> None:
    """Train, compare, print."""
    found = {}
    for rows in (64, 77, 65):
        alone = run(recipe(rows), folder / f"one{rows}")
        runs = {"two": run(replace(recipe(rows), devices=2), folder / f"two{rows}")}
        try:
            run(replace(recipe(rows), devices=2), folder / f"both{rows}", callbacks=[StopAfter(6)])
        except Stopped:
            runs["both"] = run(recipe(rows), folder / f"both{rows}", resume=True)
        for name, done in runs.items():
            found[f"{name} {rows}"] = {
                "alone": alone.history,
                "history": done.history,
                "distance": distance(done.model_path, alone.model_path),
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
