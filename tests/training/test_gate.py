"""Whether a run's model is published: by a metric of it and of the version that serves, on the same rows."""

import json
from dataclasses import replace

import keras
import pytest

from horngate.contract.errors import RecipeError
from horngate.training import Fit, Named, PublishTo, publish
from tests.training.conftest import two_layers


@pytest.fixture
def rules(tmp_path) -> PublishTo:
    return PublishTo(repository=tmp_path / "models", name="sign", gate="accuracy", margin=0.01)


def untrained(path):
    """A network that says the same class of every row."""
    model = two_layers()
    model.set_weights([0 * one for one in model.get_weights()])
    model.save(path)
    return path


def accuracy(path, recipe) -> float:
    """What Keras itself says of the last quarter of the rows."""
    model = keras.models.load_model(path, compile=False)
    model.compile(metrics=["accuracy"], loss="sparse_categorical_crossentropy")
    x, y = (one[36:] for one in recipe.data.source)
    return float(model.evaluate(x, y, batch_size=16, verbose=0)[1])


def test_only_a_better_model_is_published(recipe, trained, rules, tmp_path):
    first = publish(untrained(tmp_path / "first.keras"), rules.repository, rules.name)
    good = trained(recipe, "good", publish=rules, fit=Fit(epochs=6, batch_size=4, validation_split=0.25))
    told = good.publication
    assert told.path == rules.repository / "sign" / "2" / "model.h5"
    assert told.before == pytest.approx(accuracy(first, recipe))
    assert told.now == pytest.approx(accuracy(told.path, recipe))
    assert told.now >= told.before + rules.margin
    again = trained(recipe, "again", publish=rules, seed=1, fit=Fit(validation_split=0.25))
    assert again.publication.path is None
    assert again.publication.before == told.now
    assert "version 2 has" in again.publication.reason
    assert json.loads((again.folder / "publication.json").read_text())["reason"] == again.publication.reason


def test_a_canary_is_measured_against_what_serves_not_against_the_canary_before_it(recipe, trained, rules):
    rules = replace(rules, label="canary", gate="loss", margin=-100.0)
    first = trained(recipe, "first", publish=rules)
    trained(recipe, "second", publish=rules, seed=1)
    third = trained(recipe, "third", publish=rules, seed=2)
    assert (rules.repository / "sign" / "model.toml").read_text() == (
        'version_labels = { "canary" = 3 }\ndefault_version = 1\n'
    )
    assert third.publication.before == pytest.approx(first.history["val_loss"][-1], rel=1e-5)


def test_a_run_publishes_at_the_ends_of_epochs_by_the_gate(recipe, trained, rules, monkeypatch):
    rules = replace(rules, gate="loss", margin=0.0)
    done = trained(recipe, publish=rules, callbacks=(Named(name="Publish"),))
    losses = done.history["val_loss"]
    assert losses == sorted(losses, reverse=True), "each epoch is better than the one before"
    assert sorted(path.name for path in (rules.repository / "sign").iterdir()) == ["1", "2", "3"]
    assert done.publication.path.parent.name == "3"
    assert done.publication.before == pytest.approx(losses[1], rel=1e-5)
    with pytest.raises(RecipeError, match=r"Publish does as \[publish\] says, which is missing"):
        trained(recipe, "other", callbacks=(Named(name="Publish"),))
