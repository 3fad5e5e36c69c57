"""A process of its own that trains a recipe unbroken, and once more, killed again and again and gone on with.

    python killed_runs.py FOLDER KILLS SEED

Keras is imported once; every run is a fork of it, so that a kill costs no import. It prints, as JSON, what the two
folders' files hash to and at which steps the kills came.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
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
    Phase,
    Recipe,
    run,
)

COMPARED = ("model.h5", "history.json", "metrics.jsonl", "log.csv", "status.json")


def network() -> Any:
    """Augmentation, dropout and normalisation: all that keeps state besides weights."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(4, 3, activation="relu", name="edges"),
            layers.BatchNormalization(name="evened"),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="answer"),
        ]
    )


def rows() -> Any:
    """90 images that no network of this size learns, so that its loss goes up and down."""
    random_rows = np.random.default_rng(3)
    return random_rows.normal(size=(90, 8, 8, 1)).astype("float32"), random_rows.integers(0, 3, 90)


def recipe(*, every_steps: int) -> Recipe:
    """Two phases of Adam, with each callback that Keras forgets the state of."""
    return Recipe(
        model=ModelFrom(source=network),
        data=DataFrom(source=rows),
        compile=Compile(
            optimizer=Named(name="Adam", settings={"learning_rate": 0.02}),
            loss=Named(name="sparse_categorical_crossentropy"),
            metrics=(Named(name="accuracy"),),
        ),
        fit=Fit(batch_size=8, validation_split=0.2, keep="best"),
        phases=(
            Phase(epochs=4, freeze=("edges",)),
            Phase(epochs=12, unfreeze=("*",), learning_rate=0.01),
        ),
        callbacks=(
            Named(name="WarmUp", settings={"steps": 12}),
            Named(name="LearningRateScheduler", settings={"schedule": slower}),
            Named(name="EarlyStopping", settings={"patience": 4, "restore_best_weights": True}),
            Named(name="ReduceLROnPlateau", settings={"patience": 1, "factor": 0.7, "min_delta": 0.01}),
            Named(name="ModelCheckpoint", settings={"filepath": "seen.keras", "save_best_only": True}),
            Named(name="CSVLogger", settings={"filename": "log.csv"}),
        ),
        checkpoints=CheckpointRules(every_steps=every_steps, every_s=0),
        seed=5,
    )


def slower(epoch: int, rate: float) -> float:
    """A schedule that depends on the rate before it."""
    return rate * 0.97


class Ticks(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the parent of each batch, through a pipe."""

    only_shows = True

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        os.write(self._pipe, b".")


def trained(folder: Path, *, every_steps: int, ticks: int | None, chance: random.Random) -> int:
    """Fork a run of the recipe, kill it after so many batches if `ticks` says; how many batches it did."""
    reader, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            run(recipe(every_steps=every_steps), folder, resume=True, callbacks=[Ticks(pipe)])
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(pipe)
    done = 0
    while done != ticks and os.read(reader, 1):
        done += 1
    if done == ticks:
        time.sleep(chance.random() * 0.004)  # anywhere in a step, or in what is written after it
        os.kill(child, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if status not in (0, signal.SIGKILL):
        raise SystemExit(f"the run ended with {status}")
    return done


def hashes(folder: Path) -> dict[str, str]:
    """Each compared file's hash; the times in the status are those of the clock."""
    found = {}
    for name in COMPARED:
        content = (folder / name).read_bytes()
        if name == "status.json":
            content = json.dumps({**json.loads(content), "started": ""}).encode()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def main(folder: Path, kills: int, seed: int) -> None:
    """Both runs, compared."""
    chance = random.Random(seed)
    whole = trained(folder / "whole", every_steps=7, ticks=None, chance=chance)
    killed = []
    for _ in range(kills):
        ticks = chance.randint(1, max(2, 2 * whole // kills))
        killed.append(
            trained(folder / "killed", every_steps=chance.randint(1, 6), ticks=ticks, chance=chance)
        )
    last = trained(folder / "killed", every_steps=4, ticks=None, chance=chance)
    print(
        json.dumps(
            {
                "whole": hashes(folder / "whole"),
                "killed": hashes(folder / "killed"),
                "steps": whole,
                "kills": killed,
                "last": last,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
