"""What the Keras FAQ promises of training, row by row; the numbers are those of docs/training.md."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from horngate.contract.errors import RecipeError
from horngate.training import (
    DataFrom,
    Fit,
    HDF5Matrix,
    Head,
    ModelFrom,
    Named,
    Phase,
    prepare,
    reset_states,
)
from horngate.training.runs.facts import environment
from tests.training.conftest import COMPILED, equal, two_layers, weights


class Seen(keras.callbacks.Callback):
    """What a callback is told, in order, and the weights at each epoch's end."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.weights: list[list[np.ndarray]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.events.append("train")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.events.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append(f"batch {batch}")

    def on_test_begin(self, logs: Any = None) -> None:
        self.events.append("test")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.events.append(f"end {epoch}: {' '.join(logs)}")
        self.weights.append([np.array(one) for one in self.model.get_weights()])


def test_row_4b_evaluation_and_callbacks_at_the_end_of_each_epoch(recipe, trained):
    seen = Seen()
    done = trained(
        recipe, fit=Fit(epochs=2, batch_size=16, validation_split=0.25), options={"callbacks": [seen]}
    )
    logs = "accuracy loss val_accuracy val_loss"
    epoch = ["batch 0", "batch 1", "batch 2", "test"]
    assert seen.events == ["train", "epoch 0", *epoch, f"end 0: {logs}", "epoch 1", *epoch, f"end 1: {logs}"]
    model = keras.models.load_model(done.model_path, compile=False)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs, targets = recipe.data.source
    measured = model.evaluate(inputs[36:], targets[36:], verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(done.history["val_loss"][-1], rel=1e-6)


def test_row_8_steps_of_ones_own_are_the_steps_of_a_run(recipe, trained):
    done = trained(recipe)
    ready = prepare(recipe)
    for x, y in ready.rows.batches(ready.feeding, range(3)).take(9):
        ready.model.train_on_batch(x, y)
    for one, other in zip(ready.model.get_weights(), weights(done.model_path), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ready.validation is not None
    ((x, y),) = ready.validation.batches(ready.feeding, range(1)).take(1)
    loss = ready.model.test_on_batch(x, y, return_dict=True)["loss"]
    assert float(loss) == pytest.approx(done.history["val_loss"][-1], rel=1e-6)


def test_row_9_early_stopping(recipe, trained):
    worse = replace(COMPILED, optimizer=Named(name="SGD", settings={"learning_rate": 0.0}))
    stops = Named(name="EarlyStopping", settings={"monitor": "val_loss", "patience": 2})
    done = trained(
        recipe, compile=worse, callbacks=(stops,), fit=Fit(epochs=9, batch_size=16, validation_split=0.25)
    )
    assert len(done.history["loss"]) == 3


def test_row_10_validation_is_the_last_part_before_any_shuffle(recipe, trained, data):
    inputs, targets = data
    broken = targets.copy()
    broken[36:] = 1 - broken[36:]  # the last quarter
    one, other = trained(recipe, "one"), trained(recipe, "other", data=DataFrom(source=(inputs, broken)))
    assert equal(one.model_path, other.model_path)
    assert one.history["val_loss"] != other.history["val_loss"]


@pytest.mark.parametrize("streamed", [False, True])
def test_row_11_each_epoch_is_shuffled_and_validation_never(recipe, data, tmp_path, streamed):
    inputs, targets = data
    numbered = inputs.copy()
    numbered[:, 0] = np.arange(48)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"], file["y"] = numbered, targets
    source = str(tmp_path / "rows.h5") if streamed else (numbered, targets)
    ready = prepare(replace(recipe, data=DataFrom(source=source)))
    seen = np.concatenate([x[:, 0] for x, _ in ready.rows.batches(ready.feeding, range(2))])
    first, second = seen[:36], seen[36:]
    assert sorted(first) == sorted(second) == list(range(36))
    assert first.tolist() != sorted(first)
    assert first.tolist() != second.tolist()
    assert ready.validation is not None
    validation = ready.validation.batches(replace(ready.feeding, shuffle=False), range(1))
    assert np.concatenate([x[:, 0] for x, _ in validation]).tolist() == list(range(36, 48))
    plain = prepare(replace(recipe, data=DataFrom(source=source), fit=replace(recipe.fit, shuffle=False)))
    order = np.concatenate([x[:, 0] for x, _ in plain.rows.batches(plain.feeding, range(1))])
    assert order.tolist() == list(range(36))


def test_row_12_history_is_that_of_fit(recipe, trained, data):
    """Without a shuffle, the very numbers that `model.fit` gives."""
    fit = Fit(epochs=3, batch_size=16, validation_split=0.25, shuffle=False)
    done = trained(recipe, fit=fit)
    ready = prepare(replace(recipe, fit=fit))
    inputs, targets = data
    history = ready.model.fit(
        inputs, targets, epochs=3, batch_size=16, validation_split=0.25, shuffle=False, verbose=0
    )
    assert done.history == history.history


def test_row_13_frozen_layers_keep_their_weights_in_their_phase(recipe, trained):
    seen = Seen()
    phases = (Phase(epochs=1, freeze=("hid*",)), Phase(epochs=1, unfreeze=("hidden",), learning_rate=0.5))
    trained(recipe, phases=phases, options={"callbacks": [seen]})
    ready = prepare(recipe)  # the same first weights
    before = ready.model.get_weights()
    np.testing.assert_array_equal(seen.weights[0][0], before[0])
    assert not np.array_equal(seen.weights[0][2], before[2])
    assert not np.array_equal(seen.weights[1][0], before[0])


def test_row_13_a_layer_shared_by_two_models_is_changed_in_both(recipe):
    layer = keras.layers.Dense(2, activation="softmax", name="shared")

    def model() -> Any:
        inputs = keras.Input((4,))
        return keras.Model(inputs, layer(inputs))

    other, ready = model(), prepare(replace(recipe, model=ModelFrom(source=model)))
    x, y = recipe.data.source
    before = other.predict(x, verbose=0)
    ready.model.train_on_batch(x, y)
    assert not np.array_equal(other.predict(x, verbose=0), before)
    frozen = prepare(
        replace(recipe, model=ModelFrom(source=model), phases=(Phase(epochs=1, freeze=("shared",)),))
    )
    assert frozen.model.trainable_weights == []


def stateful() -> Any:
    inputs = keras.Input(batch_shape=(4, 5, 3))
    steps = keras.layers.LSTM(4, stateful=True, name="steps")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="answer")(steps))


def test_row_14_stateful_networks_are_trained_in_order_with_resets(recipe, trained):
    random = np.random.default_rng(2)
    x, y = random.normal(size=(12, 5, 3)).astype("float32"), random.normal(size=(12, 1)).astype("float32")
    settings = replace(COMPILED, loss=Named(name="mse"), metrics=())
    fit = Fit(epochs=2, batch_size=4, shuffle=False)
    recipe = replace(
        recipe, model=ModelFrom(source=stateful), data=DataFrom(source=(x, y)), compile=settings, fit=fit
    )
    done = trained(recipe, callbacks=(Named(name="ResetStates"),))
    ready = prepare(recipe)
    for _ in range(2):
        reset_states(ready.model)
        for first in (0, 4, 8):
            ready.model.train_on_batch(x[first : first + 4], y[first : first + 4])
    for one, other in zip(ready.model.get_weights(), weights(done.model_path), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not equal(done.model_path, trained(recipe, "kept").model_path)
    layer = ready.model.get_layer("steps")
    layer.reset_states()
    assert not np.any(layer.states[0])
    with pytest.raises(RecipeError, match="shuffle = false"):
        trained(recipe, "shuffled", fit=replace(fit, shuffle=True))
    with pytest.raises(RecipeError, match="leaves a batch of 2"):
        trained(recipe, "uneven", fit=replace(fit, batch_size=5))


def test_row_15_layers_are_popped_and_others_put_on(recipe, trained, tmp_path):
    keras.utils.set_random_seed(4)
    two_layers().save(tmp_path / "old.keras")
    head = Head(classes=3, pop=2, dropout=0.1, name="kinds")
    done = trained(recipe, model=ModelFrom(source=str(tmp_path / "old.keras"), head=head))
    model = keras.models.load_model(done.model_path, compile=False)
    assert [layer.name for layer in model.layers if layer.weights] == ["hidden", "kinds"]
    assert model.output_shape == (None, 3)


def half(rows: Any) -> Any:
    return rows / 2


def test_row_17_hdf5_matrix_and_datasets_are_trained_on_like_arrays(recipe, trained, data, tmp_path):
    inputs, targets = data
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"], file["y"] = inputs * 2, targets
    path = tmp_path / "rows.h5"
    fit = Fit(epochs=2, batch_size=8, shuffle=False)
    expected = trained(recipe, "arrays", fit=fit, data=DataFrom(source=(inputs[8:40], targets[8:40])))
    matrices = (HDF5Matrix(path, "x", 8, 40, half), HDF5Matrix(path, "y", 8, 40))
    with h5py.File(path) as file:
        forms = {
            "matrices": DataFrom(source=matrices),
            "datasets": DataFrom(source=(file["x"], file["y"]), start=8, end=40, normalizer=half),
            "file": DataFrom(source=str(path), start=8, end=40, normalizer=half),
        }
        for name, source in forms.items():
            assert equal(trained(recipe, name, fit=fit, data=source).model_path, expected.model_path), name


def test_row_18_the_configuration_of_keras_is_honoured_and_written_down(recipe, data):
    found = environment(recipe)["keras"]
    assert found == {
        "backend": keras.config.backend(),
        "epsilon": keras.config.epsilon(),
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
        "file": str(Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"),
    }
    former = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        assert environment(recipe)["keras"]["floatx"] == "float16"
        ready = prepare(replace(recipe, data=DataFrom(source=(data[0].astype("float64"), data[1]))))
        assert next(iter(ready.rows.batches(ready.feeding, range(1))))[0].dtype == "float16"
        assert ready.model.get_layer("hidden").kernel.dtype == "float16"
    finally:
        keras.config.set_floatx(former)


def test_row_19_two_runs_of_a_seed_give_the_same_bytes(recipe, trained):
    one, other = trained(recipe, "one"), trained(recipe, "other")
    for name in ("model.h5", "history.json", "metrics.jsonl", "data.json"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def test_row_20_the_run_says_which_h5py_it_was_made_with(recipe):
    assert environment(recipe)["versions"]["h5py"] == h5py.__version__
