"""A fit repeats by its seed, keeps its history and the weights asked for, and leaves all or nothing."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from horngate.training import EpochEnd, Recipe, fit

RECIPE = Recipe(epochs=3, batch_size=16, validation_split=0.25, seed=11)


def weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


def equal(left: Path, right: Path) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(left), weights(right), strict=True))


def test_the_same_seed_gives_the_same_weights_and_history(tmp_path, build, data):
    first, second = (fit(RECIPE, build, data, folder=tmp_path / name) for name in ("first", "second"))
    assert equal(first.model_path, second.model_path)
    assert first.history == second.history


def test_another_seed_gives_other_weights(tmp_path, build, data):
    first = fit(RECIPE, build, data, folder=tmp_path / "first")
    other = Recipe(epochs=3, batch_size=16, validation_split=0.25, seed=12)
    assert not equal(first.model_path, fit(other, build, data, folder=tmp_path / "second").model_path)


def test_the_folder_holds_recipe_history_and_model(tmp_path, build, data):
    run = fit(RECIPE, build, data, folder=tmp_path / "run")
    assert sorted(path.name for path in run.folder.iterdir()) == ["history.json", "model.h5", "recipe.json"]
    assert Recipe(**json.loads((run.folder / "recipe.json").read_text())) == RECIPE
    assert json.loads((run.folder / "history.json").read_text()) == run.history
    assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_each_epoch_is_told_with_its_metrics(tmp_path, build, data):
    events: list[EpochEnd] = []
    run = fit(RECIPE, build, data, folder=tmp_path / "run", on_epoch=events.append)
    assert [(event.epoch, event.epochs) for event in events] == [(1, 3), (2, 3), (3, 3)]
    assert [event.metrics["loss"] for event in events] == run.history["loss"]


def test_best_keeps_the_epoch_of_the_lowest_validation_loss(tmp_path, build, data):
    def overshoots():
        model = build()
        model.compile(keras.optimizers.SGD(30.0), "sparse_categorical_crossentropy")
        return model

    seen: list[list[np.ndarray]] = []
    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.get_weights())
    )
    model = overshoots()
    recipe = Recipe(epochs=4, validation_split=0.25, seed=1, keep="best")
    run = fit(recipe, lambda: model, data, folder=tmp_path / "run", callbacks=[recorder])
    best = int(np.argmin(run.history["val_loss"]))
    for kept, expected in zip(weights(run.model_path), seen[best], strict=True):
        np.testing.assert_array_equal(kept, expected)


def test_validation_is_the_last_part_of_the_rows(tmp_path, build, data):
    inputs, targets = data
    broken = targets.copy()
    broken[36:] = 1 - broken[36:]  # the last quarter
    runs = [
        fit(RECIPE, build, (inputs, y), folder=tmp_path / name) for name, y in (("a", targets), ("b", broken))
    ]
    assert equal(runs[0].model_path, runs[1].model_path)
    assert runs[0].history["val_loss"] != runs[1].history["val_loss"]


def test_a_run_never_overwrites_another(tmp_path, build, data):
    (tmp_path / "run").mkdir()
    with pytest.raises(FileExistsError, match="never overwrites"):
        fit(RECIPE, build, data, folder=tmp_path / "run")


def test_a_fit_that_fails_leaves_nothing(tmp_path, build, data):
    def fail(event):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        fit(RECIPE, build, data, folder=tmp_path / "run", on_epoch=fail)
    assert list(tmp_path.iterdir()) == []
