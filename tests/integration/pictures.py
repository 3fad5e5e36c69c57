"""Models that take pictures, in every way that `model.toml` says it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from horngate.zoo.images.decoding import decode
from horngate.zoo.images.recipe import ImageInput, read_recipe
from horngate.zoo.images.scaling import Array

SIDE = 48
NAMES = ("rose", "tulip", "daisy", "weed: other", "lily")

CONFIGS = {
    "caffe": 'preprocess = { mode = "caffe", resize = "bicubic" }\nlabels = "names.txt"\n',
    "own": "preprocess = { scale = 0.5, mean = [1, 2, 3], std = [2, 4, 8.0], channel_order = 'bgr', crop = 0.9 }\n",
    "as_it_is": 'preprocess = "none"\n',
    "on_keras": 'preprocess = { mode = "tf", size = [40, 56] }\nengine = "keras"\n',
}
REFUSED = {
    "no_such_mode": (
        'preprocess = "pytorch"\n',
        "preprocess is 'pytorch'; expected one of caffe, tf, torch, none",
    ),
    "absent_labels": ('labels = "absent.txt"\n', "No such file"),
}


def network(dtype: str = "float32", shape: tuple[int | None, ...] = (SIDE, SIDE, 3)) -> Any:
    """A small one whose answers are of the order of 1."""
    keras.utils.set_random_seed(3)
    image = keras.Input(shape, dtype=dtype, name="image")
    x = layers.Rescaling(1 / 255, dtype="float32", name="scale")(image) if dtype == "uint8" else image
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="edges")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(
        image, layers.Dense(len(NAMES), name="flower")(layers.LayerNormalization(name="norm")(x))
    )


def save_all(folder: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Save a model for each `model.toml`; the models by name."""
    models = {}
    for name, text in texts.items():
        shape = (None, None, 1) if name == "on_keras" else (SIDE, SIDE, 3)
        models[name] = network("uint8" if name == "as_it_is" else "float32", shape)
        path = folder / name / "1" / "model.keras"
        path.parent.mkdir(parents=True)
        models[name].save(path)
        (folder / name / "model.toml").write_text(text)
        (folder / name / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    return models


def wanted_by(name: str) -> ImageInput:
    """What a model's `model.toml` asks for."""
    import tomllib
    from dataclasses import replace

    recipe = read_recipe(tomllib.loads(CONFIGS[name])["preprocess"])
    size = recipe.size or (SIDE, SIDE)
    return ImageInput(
        name="image", channels=1 if name == "on_keras" else 3, recipe=replace(recipe, size=size)
    )


def truth(models: dict[str, Any], name: str, files: list[bytes]) -> Array:
    """What Keras answers for pictures prepared in this process."""
    wanted = wanted_by(name)
    pixels = np.stack([decode(file, wanted) for file in files])
    inputs = pixels if name == "as_it_is" else wanted.recipe.scaling.apply(pixels)
    return np.asarray(models[name].predict(inputs, verbose=0))
