"""The training phase of every layer that has one, equal to Keras's to the bit, repeatable, and without a trace."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from horngate.server.worker.engines.training import TrainingProgram, in_training
from horngate.zoo.describe import describe
from horngate.zoo.submodel import submodel
from tests.server.worker.engines.keras_in_training import Array, answers

VECTORS = [
    layers.Dropout(0.4), layers.GaussianNoise(0.3), layers.GaussianDropout(0.4), layers.AlphaDropout(0.4),
    layers.BatchNormalization(), layers.Dropout(0.4, seed=3),
]  # fmt: skip
STEPS = [
    layers.SpatialDropout1D(0.4), layers.Dropout(0.4, noise_shape=(None, 1, 4)),
    layers.LSTM(3, dropout=0.4, recurrent_dropout=0.3), layers.GRU(3, dropout=0.4, recurrent_dropout=0.3),
    layers.SimpleRNN(3, dropout=0.4, recurrent_dropout=0.3),
    layers.Bidirectional(layers.LSTM(3, dropout=0.4, return_sequences=True)),
    layers.RNN([layers.GRUCell(3, dropout=0.4), layers.LSTMCell(3, recurrent_dropout=0.4)]),
    layers.TimeDistributed(layers.Dropout(0.4)),
]  # fmt: skip
IMAGES = [
    layers.SpatialDropout2D(0.4), layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.2),
    layers.RandomTranslation(0.2, 0.2), layers.RandomContrast(0.4), layers.RandomBrightness(0.4),
    layers.RandomCrop(6, 6), layers.RandomShear(0.2, 0.2), layers.RandomErasing(1.0), layers.RandomHue(0.4),
    layers.RandomSaturation(0.4), layers.RandomSharpness(0.4), layers.RandomGrayscale(0.5),
    layers.RandomInvert(0.5), layers.RandomPosterization(4), layers.RandomGaussianBlur(0.9),
    layers.RandomPerspective(0.9), layers.RandomColorJitter((0, 255), 0.3, 0.3, 0.3, 0.3),
    layers.BatchNormalization(),
]  # fmt: skip


def branches(shape: tuple[int, ...], each: Sequence[Any]) -> Any:
    """A model whose outputs are the layers, all of the same input."""
    keras.utils.set_random_seed(1)
    x = keras.Input(shape, name="x")
    return keras.Model(x, [layer(x) for layer in each])


def program_of(model: Any, outputs: Sequence[str] = ()) -> TrainingProgram:
    spec = describe(model)
    return in_training(model, submodel(model, outputs or [one.name for one in spec.outputs]), spec)


@pytest.mark.parametrize(
    ("shape", "each", "largest"), [((6,), VECTORS, 1), ((5, 4), STEPS, 1), ((8, 8, 3), IMAGES, 255)]
)
def test_every_layer_is_as_keras_has_it(shape: tuple[int, ...], each: list[Any], largest: float) -> None:
    model, program = (branch := branches(shape, each)), program_of(branch)
    x = np.random.default_rng(2).uniform(0, largest, (4, *shape)).astype(np.float32)
    before = [np.asarray(variable.value) for variable in model.variables]
    found = program.seeded(7).run({"x": x})
    for layer, answer, truth in zip(each, found, answers(model, [x], 7), strict=True):
        np.testing.assert_allclose(answer, truth, rtol=1e-5, atol=1e-5 * largest, err_msg=layer.name)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value, err_msg=variable.path)
    program.run({"x": x})
    for again, answer in zip(program.run_from(7, {"x": x}), found, strict=True):
        np.testing.assert_array_equal(again, answer)
    others = program.run_from(8, {"x": x})
    same = [layer.name for layer, a, b in zip(each, found, others, strict=True) if np.array_equal(a, b)]
    assert [name for name in same if "batch_normalization" not in name] == []


def test_a_seed_means_the_same_whichever_outputs_are_asked_for() -> None:
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dropout(0.5, name="first"), layers.Dense(6)], name="inner"
    )
    x = keras.Input((6,), name="x")
    out = layers.Dropout(0.5, name="last")(inner(layers.GaussianNoise(1.0, name="noise")(x)))
    model = keras.Model(x, out)
    ones = {"x": np.ones((8, 6), np.float32)}
    names = ["noise", "inner/first", "last"]
    whole = dict(zip(names, program_of(model, names).run_from(3, ones), strict=True))
    for name, answer in whole.items():
        np.testing.assert_array_equal(program_of(model, [name]).run_from(3, ones)[0], answer)


class Unseeded(layers.Layer):  # type: ignore[misc]
    """Noise from the generator that all share."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs)) if training else inputs


def test_noise_without_a_generator_of_its_own_follows_the_seed_too() -> None:
    program = program_of(keras.Sequential([keras.Input((6,), name="x"), Unseeded()]))
    ones: dict[str, Array] = {"x": np.ones((8, 6), np.float32)}
    (first,), (again,), (other,) = (program.run_from(seed, ones) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
