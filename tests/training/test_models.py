"""A recipe's model: weights of a file by topology or by name, and augmentation on a network of the zoo."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from horngate.training import DataFrom, Fit, Head, ModelFrom, Named, prepare
from tests.training.conftest import two_layers


def other_answer():
    """The network of `two_layers` with another head."""
    layers = [keras.layers.Dense(8, activation="relu", name="hidden")]
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2, "softmax", name="verdict")])


def test_weights_come_by_topology_or_by_name(recipe, tmp_path):
    first = two_layers()
    first.save(tmp_path / "first.h5")
    path = str(tmp_path / "first.h5")
    whole = prepare(replace(recipe, model=ModelFrom(source=two_layers, weights=path))).model
    for one, other in zip(whole.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    part = ModelFrom(source=other_answer, weights=path, by_name=True)
    by_name = prepare(replace(recipe, model=part)).model
    hidden, verdict = by_name.get_layer("hidden"), by_name.get_layer("verdict")
    np.testing.assert_array_equal(hidden.kernel, first.get_layer("hidden").kernel)
    assert not np.array_equal(verdict.kernel, first.get_layer("answer").kernel)


@pytest.mark.slow
def test_a_zoo_network_is_trained_behind_augmentation_and_left_without(recipe, trained):
    random = np.random.default_rng(0)
    pictures = random.uniform(size=(12, 32, 32, 3)).astype("float32"), random.integers(0, 2, 12)
    model = ModelFrom(
        source="zoo:MobileNet",
        weights="none",
        input_shape=(32, 32, 3),
        head=Head(classes=2, dropout=0.1),
        augment=(Named(name="RandomFlip"), Named(name="RandomRotation", settings={"factor": 0.1})),
    )
    done = trained(recipe, model=model, data=DataFrom(source=pictures), fit=Fit(batch_size=6, epochs=1))
    left = keras.models.load_model(done.model_path, compile=False)
    assert not [layer for layer in left.layers if layer.name.startswith("random")]
    assert [layer.name for layer in left.layers[-2:]] == ["head_dropout", "head"]
    assert left.predict(pictures[0], verbose=0).shape == (12, 2)
