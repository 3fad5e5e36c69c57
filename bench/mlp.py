"""The tiny network of the benchmarks, 784-128-10 with random weights: `python bench/mlp.py FILE.h5`."""

import logging
import sys
from pathlib import Path

from horngate.zoo.backend import import_keras


def main(path: Path) -> None:
    """Write the file. Imports Keras, so benchmarks run it as a process of its own."""
    keras = import_keras()
    logging.getLogger("absl").setLevel(logging.ERROR)  # Keras advises against HDF5
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((784,), name="pixels"),
        keras.layers.Dense(128, activation="relu", name="hidden"),
        keras.layers.Dense(10, activation="softmax", name="digit"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.Sequential(layers).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
