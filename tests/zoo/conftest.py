"""A small saved model, in every form that Keras saves."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keras 3.15's variables do not know the `copy` of numpy 2's array protocol yet."""
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation doesn't accept:DeprecationWarning"
    )


@pytest.fixture(scope="session")
def small() -> Any:
    """Two inputs, a nested model, a recurrent layer; compiled, one step trained."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(5)
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first")], name="inner")
    steps = keras.layers.LSTM(5, name="lstm")(keras.layers.Reshape((2, 2), name="steps")(b))
    model = keras.Model([a, b], keras.layers.Concatenate(name="both")([inner(a), steps]), name="small")
    model.compile("adam", "mse")
    model.train_on_batch([np.ones((2, 4)), np.ones((2, 4))], np.ones((2, 8)))
    return model


@pytest.fixture(scope="session")
def saved(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model as small.h5, small.keras and small.weights.h5."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("absl.logging.warning", lambda *_, **__: None)  # "HDF5 is a legacy format"
        small.save(folder / "small.h5")
    small.save(folder / "small.keras")
    small.save_weights(folder / "small.weights.h5")
    return folder
