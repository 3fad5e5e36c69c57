"""A process with two virtual devices that trains a recipe on one, on both, and first on both and then on one.

    HORNGATE_VIRTUAL_DEVICES=2 python devices_run.py FOLDER

It prints, as JSON, each run's losses, and how far its weights are from those of the run on one device.
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


def recipe(rows: int) -> Recipe:
    """Two epochs in batches of 16."""
    x = np.random.default_rng(7).normal(size=(rows, 4)).astype("float32")
    return Recipe(
        model=ModelFrom(source=network),
        data=DataFrom(source=(x, (x.sum(axis=1) > 0).astype("int64"))),
        compile=Compile(optimizer=Named(name="Adam"), loss=Named(name="sparse_categorical_crossentropy")),
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


def main(folder: Path) -> None:
    """Train, compare, print."""
    even, uneven = recipe(64), recipe(77)
    one = run(even, folder / "one")
    runs = {"two": run(replace(even, devices=2), folder / "two")}
    try:
        run(replace(even, devices=2), folder / "both", callbacks=[StopAfter(3)])
    except Stopped:
        runs["both"] = run(even, folder / "both", resume=True)
    runs["uneven"] = run(replace(uneven, devices=2), folder / "uneven")
    found = {}
    for name, done in runs.items():
        pairs = zip(weights(done.model_path), weights(one.model_path), strict=True)
        found[name] = {
            "losses": done.history["loss"],
            "distance": max(float(np.abs(a - b).max()) for a, b in pairs),
        }
    print(json.dumps({"one": one.history["loss"], **found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
