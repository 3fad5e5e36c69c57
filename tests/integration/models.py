"""Small networks of every shape that a served model comes in, with seeded weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

Array = np.ndarray[Any, np.dtype[Any]]


def dense() -> Any:
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(4, activation="softmax", name="probabilities"),
        ]
    )


def convolutional() -> Any:
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, padding="same", strides=2, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(5, name="head"),
        ]
    )


def recurrent() -> Any:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, name="embed")(tokens)
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True), name="both_ways")(x)
    x = layers.GRU(7, name="gru")(x)
    return keras.Model(tokens, layers.Dense(3, name="scores")(x))


def several() -> Any:
    """Two inputs, two outputs, one layer called twice."""
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    shared = layers.Dense(5, activation="tanh", name="shared")
    both = layers.Concatenate(name="both")([shared(left), shared(right)])
    total = layers.Dense(1, name="total")(both)
    parts = layers.Dense(4, activation="sigmoid", name="parts")(both)
    return keras.Model([left, right], [total, parts])


def nested() -> Any:
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="elu", name="in_one"), layers.Dense(6, name="in_two")],
        name="inner",
    )
    x = keras.Input((8,), name="x")
    y = layers.Add(name="sum")([inner(x), layers.Dense(6, name="beside")(x)])
    return keras.Model(x, layers.Dense(2, name="out")(y))


def noisy() -> Any:
    """What is different while a model is trained: dropout, noise, statistics of the batch."""
    return keras.Sequential(
        [
            keras.Input((6, 5), name="steps"),
            layers.SpatialDropout1D(0.2, name="channels"),
            layers.LSTM(8, dropout=0.3, recurrent_dropout=0.2, name="lstm"),
            layers.GaussianNoise(0.5, name="noise"),
            layers.GaussianDropout(0.3, name="factors"),
            layers.AlphaDropout(0.2, name="alpha"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(3, name="head"),
        ]
    )


def normalized() -> Any:
    """Nothing random, but the statistics of the batch."""
    x = keras.Input((6,), name="x")
    y = layers.BatchNormalization(momentum=0.5, name="first")(layers.Dense(5, name="wide")(x))
    frozen = layers.BatchNormalization(trainable=False, name="frozen")
    return keras.Model(x, layers.Dense(2, name="out")(frozen(layers.ReLU(name="relu")(y))))


MODELS: dict[str, Callable[[], Any]] = {
    "dense": dense,
    "convolutional": convolutional,
    "recurrent": recurrent,
    "several": several,
    "nested": nested,
}
IN_TRAINING: dict[str, Callable[[], Any]] = {"noisy": noisy, "normalized": normalized}


def save_all(folder: Path) -> dict[str, Any]:
    """Save every model: `.h5`, but for `nested` as a version folder and `several` as `.keras`."""
    folder.mkdir(parents=True, exist_ok=True)
    # Inputs without a name are numbered through all models that the process has made.
    keras.backend.clear_session()
    saved = {}
    for name, make in (MODELS | IN_TRAINING).items():
        keras.utils.set_random_seed(7)
        saved[name] = model = make()
        model.save(path_of(folder, name))
    save_part(folder, saved["nested"])
    (folder / "nested" / "model.toml").write_text("version_labels = { stable = 2 }\n")
    return saved


def save_part(folder: Path, model: Any) -> None:
    """A model of which two inner layers are served as the outputs."""
    path = folder / "part" / "1" / "model.keras"
    path.parent.mkdir(parents=True)
    model.save(path)
    (folder / "part" / "model.toml").write_text('output = ["inner/in_one", "sum"]\n')


def path_of(folder: Path, name: str) -> Path:
    """Where a model is saved; the forms take turns so that each is served."""
    if name == "nested":
        path = folder / name / "2" / "model.h5"
        path.parent.mkdir(parents=True)
        return path
    return folder / (f"{name}.keras" if name == "several" else f"{name}.h5")


def inputs_for(model: Any, rows: int, seed: int) -> list[Array]:
    """Random inputs in the model's order."""
    generator = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = (rows, *(9 if size is None else size for size in tensor.shape[1:]))
        if tensor.dtype == "int32":
            arrays.append(generator.integers(0, 50, shape).astype(np.int32))
        else:
            arrays.append(generator.standard_normal(shape).astype(np.float32))
    return arrays


def input_names(model: Any) -> list[str]:
    """The inputs as files, and so servers, name them: by their layers. Keras's tensors may have other names."""
    return [tensor._keras_history.operation.name for tensor in model.inputs]


def as_sent(model: Any, inputs: list[Array]) -> Any:
    """One array for a model with one input, else by name."""
    if len(inputs) == 1:
        return inputs[0]
    return dict(zip(input_names(model), inputs, strict=True))
