"""What the Keras FAQ asks of the two phases (row 6) and of intermediate layers (row 7), of a served model.

get_3rd_layer_output = K.function([model.layers[0].input, K.learning_phase()], [model.layers[3].output])
layer_output = get_3rd_layer_output([x, 0])[0]  # in test mode
layer_output = get_3rd_layer_output([x, 1])[0]  # in train mode
"""

import keras
import numpy as np

from horngate.client import Client
from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for
from tests.server.worker.engines.keras_in_training import answers


def test_row_6_predictions_are_in_testing_mode_unless_training_is_asked_for(
    served: Fixture, client: Client
) -> None:
    model = served.models["noisy"]
    x = inputs_for(model, rows=32, seed=6)[0]
    tested, trained = client.predict("noisy", x), client.predict("noisy", x, training=True)
    np.testing.assert_allclose(tested, model.predict(x, verbose=0), atol=1e-5)
    assert np.abs(trained - tested).mean() > 0.1 * np.abs(tested).mean()


def test_row_7_a_layer_by_name(served: Fixture, client: Client) -> None:
    model = served.models["noisy"]
    x = inputs_for(model, rows=4, seed=7)[0]
    truth = keras.Model(model.inputs, model.get_layer("lstm").output).predict(x, verbose=0)
    np.testing.assert_allclose(client.predict("noisy", x, layers="lstm"), truth, atol=1e-5)


def test_row_7_a_layer_by_index_in_either_learning_phase(served: Fixture, client: Client) -> None:
    model = served.models["noisy"]
    x = inputs_for(model, rows=4, seed=7)[0]
    third = keras.Model(model.inputs[0], model.layers[3].output)
    test_mode = client.predict("noisy", x, layers="layer:3")
    np.testing.assert_allclose(test_mode, third(x, training=False), atol=1e-5)
    train_mode = client.predict("noisy", x, layers="layer:3", training=True, seed=1)
    np.testing.assert_allclose(train_mode, answers(third, [x], 1)[0], atol=1e-5)
