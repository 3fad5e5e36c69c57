"""The soak's models, as files: `python bench/soak/models.py FOLDER`.

FOLDER/models is what is served; FOLDER/versions has files of `dense` that become its next versions.
"""

import sys
from pathlib import Path

import keras
from keras import layers

VERSIONS = 4
STEPS, FEATURES = 5, 8


def main(folder: Path) -> None:
    """Write them all."""
    models, versions = folder / "models", folder / "versions"
    for path in (models / "dense/1", models / "pictures/1", versions):
        path.mkdir(parents=True)
    for number in range(VERSIONS):
        keras.utils.set_random_seed(number)
        _dense().save(versions / f"{number}.h5")
    (models / "dense/1/model.h5").write_bytes((versions / "0.h5").read_bytes())
    _text().save(models / "text.keras")
    _stateful().save(models / "stateful.h5")
    _pictures().save(models / "pictures/1/model.h5")
    (models / "pictures/model.toml").write_text('preprocess = "tf"\nlabels = ["a", "b", "c", "d", "e"]\n')


def _dense() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((32,), name="x"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dropout(0.5, name="dropped"),
            layers.Dense(10, activation="softmax", name="y"),
        ]
    )


def _text() -> keras.Model:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8)(tokens)
    return keras.Model(tokens, layers.Dense(3, name="scores")(layers.GRU(16, name="gru")(x)))


def _stateful() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(batch_shape=(1, STEPS, FEATURES), name="x"),
            layers.LSTM(16, stateful=True, name="lstm"),
            layers.Dense(4, name="y"),
        ]
    )


def _pictures() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((48, 48, 3), name="picture"),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(5, activation="softmax", name="y"),
        ]
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
