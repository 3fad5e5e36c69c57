"""Our callbacks, each in a run: what it does, and that it goes on where the run does."""

import csv
import json
import urllib.request
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np
import pytest

from horngate.contract.errors import RecipeError
from horngate.training import DataFrom, Fit, Named, Phase
from horngate.training.callbacks import Prometheus
from horngate.training.callbacks.stop_on_nan import NotANumber


class Rates(keras.callbacks.Callback):
    """The learning rate of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))


class Mine(keras.callbacks.Callback):
    """A user's own, with a setting."""

    def __init__(self, filename: str = "", word: str = "none") -> None:
        super().__init__()
        self.filename, self.word = filename, word

    def on_train_end(self, logs: Any = None) -> None:
        with open(self.filename, "w") as file:
            file.write(self.word)


def test_many_at_once_by_name(recipe, trained):
    """One run with all that write files, in two phases, and a user's own by import path."""
    callbacks = (
        Named(name="csv_logger", settings={"filename": "logs/all.csv"}),
        Named(name="JsonLines"),
        Named(name="Plots", settings={"filename": "mine.png", "every": 2}),
        Named(name="Prometheus", settings={"run": 'a "run"'}),
        Named(name="WarmUp", settings={"steps": 3, "start": 0.1}),
        Named(name="TerminateOnNaN"),
        Named(name=f"{__name__}:Mine", settings={"filename": "mine.txt", "word": "done"}),
    )
    seen = Rates()
    phases = (Phase(epochs=1), Phase(epochs=2, learning_rate=0.5))
    folder = trained(recipe, callbacks=callbacks, phases=phases, options={"callbacks": [seen]}).folder
    with (folder / "logs" / "all.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    assert len((folder / "lines.jsonl").read_text().splitlines()) == 3
    assert (folder / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "mine.txt").read_text() == "done"
    gauges = (folder / "metrics.prom").read_text()
    assert 'horngate_training_epoch{run="a \\"run\\""} 3.0\n' in gauges
    assert "# TYPE horngate_training_val_loss gauge\n" in gauges
    assert seen.rates[:4] == pytest.approx([0.002, 0.008, 0.014, 0.05])
    assert seen.rates[3:7] == pytest.approx([0.05, 0.2, 0.35, 0.5])


def test_gauges_are_served_while_the_run_goes_on(recipe, trained):
    gauges = Prometheus(filename="", port=0)
    pages: list[str] = []

    def scrape(event):
        with urllib.request.urlopen(f"http://{gauges.address}/metrics") as page:
            pages.append(page.read().decode())

    done = trained(recipe, options={"callbacks": [gauges], "on_epoch": scrape})
    assert f'horngate_training_loss{{run=""}} {done.history["loss"][-1]}\n' in pages[-1]


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_rows(recipe, trained, data):
    inputs, targets = data
    broken = inputs.copy()
    broken[7, 0] = np.inf
    with pytest.raises(NotANumber, match=r"loss is nan in epoch 1, batch \d, rows ([\d, ]*, )?7\b") as caught:
        trained(recipe, data=DataFrom(source=(broken, targets)), callbacks=(Named(name="StopOnNaN"),))
    assert len(str(caught.value).split("rows ")[1].split(";")[0].split(", ")) == 16


def test_warm_up_beside_a_schedule_is_refused(recipe, trained):
    schedule = Named(name="CosineDecay", settings={"initial_learning_rate": 0.1, "decay_steps": 9})
    scheduled = replace(recipe.compile, schedule=schedule)
    with pytest.raises(RecipeError, match=r"which compile\.schedule does already"):
        trained(recipe, compile=scheduled, callbacks=(Named(name="WarmUp"),))
    done = trained(recipe, "scheduled", compile=scheduled, fit=Fit(epochs=1))
    assert json.loads((done.folder / "status.json").read_text())["state"] == "finished"


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="pip install 'horngate[tensorboard]'")
def test_tensorboard_gets_each_epochs_metrics(recipe, trained):
    import tensorflow as tf

    done = trained(recipe, callbacks=(Named(name="TensorBoard"),))
    (path,) = (done.folder / "tensorboard" / "train").glob("events.*")
    losses = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "epoch_loss"
    ]
    assert losses == pytest.approx(done.history["loss"])
