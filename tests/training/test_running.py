"""A run repeats by its seed, can be stopped anywhere and gone on with, and leaves its whole story in its folder."""

import json
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest

from horngate.contract.errors import InvalidRequest, LoadError, RecipeError, Unavailable
from horngate.training import (
    CheckpointRules,
    DataFrom,
    EpochEnd,
    Fit,
    ModelFrom,
    Named,
    Phase,
    Stopped,
    run,
)
from horngate.training.runs import RunFolder, standing
from tests.training.conftest import equal, weights


def test_the_folder_tells_the_whole_story(recipe, trained):
    done = trained(recipe)
    names = {path.name for path in done.folder.iterdir()}
    assert names >= {
        "recipe.json", "environment.json", "data.json", "status.json", "history.json", "metrics.jsonl",
        "model.h5", "curves.png", "card.md",
    }  # fmt: skip
    assert set(done.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert json.loads((done.folder / "history.json").read_text()) == done.history
    lines = [json.loads(line) for line in (done.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["val_loss"] for line in lines] == done.history["val_loss"]
    assert json.loads((done.folder / "data.json").read_text())["validation"]["rows"] == 12
    assert (done.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "12 rows" in (done.folder / "card.md").read_text()
    status = standing(RunFolder(done.folder))
    assert (status.state, status.epoch, status.epochs, status.monitor) == ("finished", 3, 3, "val_loss")
    assert status.best == min(done.history["val_loss"])


def test_another_seed_gives_other_weights(recipe, trained):
    assert not equal(trained(recipe, "a").model_path, trained(recipe, "b", seed=12).model_path)


def test_each_epoch_is_told_with_its_metrics(recipe, trained):
    events: list[EpochEnd] = []
    done = trained(recipe, options={"on_epoch": events.append})
    assert [(event.epoch, event.epochs) for event in events] == [(1, 3), (2, 3), (3, 3)]
    assert [event.metrics["loss"] for event in events] == done.history["loss"]


def test_best_keeps_the_weights_of_the_best_epoch(recipe, trained):
    seen: list[list[np.ndarray]] = []
    recorder = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(recorder.model.get_weights())
    )
    overshoots = replace(recipe.compile, optimizer=Named(name="SGD", settings={"learning_rate": 30.0}))
    fit = Fit(epochs=4, validation_split=0.25, keep="best")
    done = trained(recipe, compile=overshoots, fit=fit, options={"callbacks": [recorder]})
    best = int(np.argmin(done.history["val_loss"]))
    for kept, expected in zip(weights(done.model_path), seen[best], strict=True):
        np.testing.assert_array_equal(kept, expected)


def stopping_after(steps: int):
    """A callback that ends the run by SIGTERM. It is no part of the run's state."""
    left = [steps]

    def count(batch, logs):
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGTERM)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=count)
    callback.only_shows = True
    return callback


def test_stopped_by_sigterm_and_gone_on_with_past_a_damaged_state(recipe, trained, tmp_path):
    recipe = replace(recipe, checkpoints=CheckpointRules(every_steps=2, every_s=0))
    whole = trained(recipe, "whole")
    with pytest.raises(Stopped, match="epoch 2 after 5 steps"):
        trained(recipe, "stopped", options={"callbacks": [stopping_after(5)]})
    assert standing(RunFolder(tmp_path / "stopped")).state == "stopped"
    states = sorted((tmp_path / "stopped" / "checkpoints").iterdir())
    assert states[-1].name.startswith("000000000005")
    assert len(states) > 1
    (states[-1] / "arrays.bin").write_bytes(b"torn")
    told: list[str] = []
    options = {"resume": True, "tell": told.append}
    with pytest.raises(LoadError, match="now they are JsonLines, Callback, Reporter, History"):
        trained(recipe, "stopped", options={**options, "callbacks": [keras.callbacks.Callback()]})
    again = trained(recipe, "stopped", options=options)
    assert "damaged" in told[0]
    for name in ("model.h5", "history.json", "metrics.jsonl"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_finished_run_is_not_trained_again(recipe, trained):
    done = trained(recipe)
    told: list[str] = []
    before = done.model_path.stat().st_mtime_ns
    again = trained(recipe, options={"resume": True, "tell": told.append})
    assert (again.history, again.model_path) == (done.history, done.model_path)
    assert "nothing to go on with" in told[0]
    assert done.model_path.stat().st_mtime_ns == before


def test_a_run_never_overwrites_another_nor_goes_on_as_another(recipe, trained):
    with pytest.raises(Stopped):
        trained(recipe, options={"callbacks": [stopping_after(2)]})
    with pytest.raises(InvalidRequest, match="never overwrites"):
        trained(recipe)
    with pytest.raises(RecipeError, match="began with another recipe: seed was 11 and is 12"):
        trained(recipe, seed=12, options={"resume": True})
    other = (recipe.data.source[0] + 1, recipe.data.source[1])
    with pytest.raises(RecipeError, match="rows are not those"):
        trained(recipe, data=DataFrom(source=other), options={"resume": True})


def test_two_processes_do_not_train_in_one_folder(recipe, tmp_path):
    folder = RunFolder(tmp_path)
    with folder.held(), pytest.raises(Unavailable, match="used by another process"):
        run(recipe, tmp_path)


def test_a_failure_is_told_in_the_status(recipe, trained, tmp_path):
    def fail(event):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        trained(recipe, options={"on_epoch": fail})
    status = standing(RunFolder(tmp_path / "run"))
    assert (status.state, status.message) == ("failed", "OSError: the disk is gone")


def test_auto_takes_a_power_of_two_and_keeps_it(recipe, trained):
    done = trained(recipe, fit=Fit(epochs=1, batch_size="auto"))
    assert json.loads((done.folder / "batch.json").read_text()) == {"batch_size": 32}


def test_augmentation_is_trained_through_and_left_out_of_the_model(recipe, trained):
    recipe = replace(recipe, data=DataFrom(source=pictures), phases=(Phase(epochs=2, freeze=("evened",)),))
    plain = trained(recipe, "plain", model=ModelFrom(source=pictures_network))
    flipped = ModelFrom(source=pictures_network, augment=(Named(name="RandomFlip"),))
    augmented = trained(recipe, "augmented", model=flipped)
    assert not equal(plain.model_path, augmented.model_path)
    names = [layer.name for layer in keras.models.load_model(augmented.model_path, compile=False).layers]
    assert names == ["evened", "flat", "answer"]


def pictures_network():
    layers = keras.layers
    named = [layers.Flatten(name="flat"), layers.Dense(2, activation="softmax", name="answer")]
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Rescaling(0.5, name="evened"), *named])


def pictures():
    inputs = np.random.default_rng(1).normal(size=(32, 4, 4, 1)).astype("float32")
    return inputs, (inputs[:, 0].sum(axis=(1, 2)) > 0).astype("int64")


def test_a_pattern_that_freezes_nothing_is_refused(recipe, trained):
    with pytest.raises(RecipeError, match="no layer matches; the first layers are hidden, dropout, answer"):
        trained(recipe, phases=(Phase(epochs=1, freeze=("nothing_*",)),))
