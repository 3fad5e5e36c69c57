"""What the workers of `cluster_run.py` import: a network, rows, and a callback that tells who is there."""

import json
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np


def network() -> Any:
    """A network whose chance is the seed's alone."""
    layers = keras.layers
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax")])


def rows() -> Any:
    """110 rows whose class is the sign of their sum."""
    x = np.random.default_rng(3).normal(size=(110, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int64")


class Attendance(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a file for this process, and another when its third epoch begins; steps take a moment."""

    def __init__(self, folder: str = "") -> None:
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        import jax

        told = {"pid": os.getpid(), "rank": jax.process_index(), "size": jax.process_count()}
        self._write(f"{os.getpid()}.json", json.dumps(told))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if epoch >= 2:
            self._write(f"{os.getpid()}.epoch2", "")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        time.sleep(0.05)

    def _write(self, name: str, text: str) -> None:
        if self.folder:
            (Path(self.folder) / name).write_text(text)
