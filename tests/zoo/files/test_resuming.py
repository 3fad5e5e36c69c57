"""Training goes on where it stopped: one more step gives what it gave."""

import json

import h5py
import keras
import numpy as np
import pytest

from horngate.zoo.files.resuming import load_for_training
from tests.zoo.files.corpus import CHOSEN, Case, cases

RESUMED = [case for case in cases(CHOSEN) if (case.folder / f"{case.name}.resume.npz").exists()]


def step(model: keras.Model, case: Case) -> float:
    """Train once more, and how far the answers are from what they were."""
    model.jit_compile = False  # not worth its time for one step
    with np.load(case.folder / f"{case.name}.resume.npz") as more:
        loss = float(np.ravel(model.train_on_batch(more["x"], more["y"]))[0])
        assert abs(loss - float(np.ravel(more["loss"])[0])) <= 1e-6 * abs(loss)
        answers = np.asarray(model(case.arrays("x")[0], training=False))
        return float(np.abs(answers - more["after0"]).max() / np.abs(more["after0"]).max())


@pytest.mark.parametrize("case", [case for case in RESUMED if str(case) != "k231/opt_adamax"], ids=str)
def test_the_next_step_is_the_one_that_would_have_come(case: Case) -> None:
    resumed = load_for_training(case.file)
    assert resumed.problems == ()
    assert step(resumed.model, case) <= 1e-5


def test_the_one_that_raced() -> None:
    """Keras 2.3's graph raised the count of steps and read it in no order: there it read what came next."""
    case = next(case for case in RESUMED if str(case) == "k231/opt_adamax")
    resumed = load_for_training(case.file)
    assert resumed.problems == ()
    resumed.model.optimizer.iterations.assign_add(1)
    assert step(resumed.model, case) <= 1e-5


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "optimizer", ["adam", "nadam", keras.optimizers.SGD(0.1, momentum=0.9)], ids=["adam", "nadam", "sgd"]
)
def test_todays_files(suffix, optimizer, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("absl.logging.warning", lambda *_, **__: None)  # "HDF5 is a legacy format"
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(1, name="b")]
    )
    kind = keras.optimizers.get(optimizer)
    model.compile(type(kind).from_config(kind.get_config()), "mse", jit_compile=False)
    x, y = np.arange(12, dtype="f4").reshape(4, 3) / 12, np.ones((4, 1), "f4")
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / f"model{suffix}")
    resumed = load_for_training(tmp_path / f"model{suffix}")
    assert resumed.problems == ()
    resumed.model.jit_compile = False
    assert model.train_on_batch(x, y) == pytest.approx(resumed.model.train_on_batch(x, y), rel=1e-6)
    assert np.allclose(model(x), resumed.model(x), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (
            {"optimizer_config": {"class_name": "Mine", "config": {}}, "loss": "mse"},
            "optimizer 'Mine' is unknown",
        ),
        (
            {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "my_loss"},
            "'my_loss' is unknown",
        ),
        ({"optimizer_config": None, "loss": "mse"}, "has the optimizer None"),
    ],
)
def test_a_broken_training_configuration_is_told_and_the_model_is_there(
    broken, told, saved, small, tmp_path
) -> None:
    path = tmp_path / "broken.h5"
    path.write_bytes((saved / "small.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = json.dumps(broken)
    resumed = load_for_training(path)
    assert told in resumed.problems[0]
    x = [np.ones((2, 4), "f4"), np.ones((2, 4), "f4")]
    assert np.array_equal(resumed.model(x), small(x))
