"""A network that does next to nothing with a picture of 602 KB: `python bench/light.py FILE.keras`.

It looks at one pixel in a thousand, so that what a request of it takes is the way there and back.
"""

import sys
from pathlib import Path

from horngate.zoo.backend import import_keras


def main(path: Path) -> None:
    """Write the file. Imports Keras, so benchmarks run it as a process of its own."""
    keras = import_keras()
    layers = [
        keras.Input((224, 224, 3), name="image"),
        keras.layers.Conv2D(4, 1, strides=32, name="few"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(10, name="classes"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.Sequential(layers).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
