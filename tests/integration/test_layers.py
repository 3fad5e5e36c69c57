"""Any layer is an output, by its name; and no more is computed than was asked for."""

import time

import keras
import numpy as np
import pytest

from horngate.client import Client, InvalidRequest
from tests.integration.conftest import Fixture, Start
from tests.integration.models import as_sent, inputs_for

LAYERS = [
    ("dense", "hidden"),
    ("convolutional", "conv"),
    ("convolutional", "norm"),
    ("convolutional", "depthwise"),
    ("recurrent", "both_ways"),
    ("recurrent", "embed"),
    ("several", "shared"),
    ("several", "both"),
    ("nested", "sum"),
]


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_a_layer_equals_kerass_own_submodel(served: Fixture, client: Client, name: str, layer: str) -> None:
    model = served.models[name]
    inputs = inputs_for(model, rows=3, seed=5)
    output = model.get_layer(layer)._inbound_nodes[0].outputs[0]
    truth = keras.Model(model.inputs, output).predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    answer = client.predict(name, as_sent(model, inputs), layers=layer)
    assert answer.shape == truth.shape
    np.testing.assert_allclose(answer, truth, atol=1e-5 * float(np.max(np.abs(truth))), rtol=0)


def test_layers_of_a_nested_model_are_asked_for_by_path(served: Fixture, client: Client) -> None:
    model = served.models["nested"]
    x = inputs_for(model, rows=2, seed=5)[0]
    inner = model.get_layer("inner")
    truth = inner.get_layer("in_one")(x).numpy()
    np.testing.assert_allclose(client.predict("nested", x, layers="inner/in_one"), truth, atol=1e-5)


def test_layers_are_asked_for_by_index_and_by_call(served: Fixture, client: Client) -> None:
    model = served.models["several"]
    sent = as_sent(model, inputs_for(model, rows=3, seed=5))
    names = ["layer:2", "layer:-1", "shared:0", "shared:1", "total"]
    answer = client.predict("several", sent, layers=names)
    assert list(answer) == names
    np.testing.assert_array_equal(answer["layer:2"], answer["shared:0"])
    for name, side in (("shared:0", "left"), ("shared:1", "right")):
        np.testing.assert_allclose(answer[name], model.get_layer("shared")(sent[side]).numpy(), atol=1e-6)
    own = client.predict("several", sent)
    np.testing.assert_array_equal(answer["total"], own["total"])
    np.testing.assert_array_equal(answer["layer:-1"], own["parts"])
    inside = client.predict("nested", np.ones((2, 8), np.float32), layers="inner/layer:0")
    assert inside.shape == (2, 6)


def test_faq_row_15_inner_layers_are_the_outputs_if_model_toml_says_so(
    served: Fixture, client: Client
) -> None:
    model = served.models["nested"]
    x = inputs_for(model, rows=2, seed=5)[0]
    described = client.describe("part")
    assert [(output.name, output.shape) for output in described.outputs] == [
        ("inner/in_one", (None, 6)),
        ("sum", (None, 6)),
    ]
    assert "out" not in [layer.name for layer in described.layers]
    answers = client.predict("part", x)
    inner = model.get_layer("inner")
    np.testing.assert_allclose(answers["inner/in_one"], inner.get_layer("in_one")(x), atol=1e-5)
    np.testing.assert_allclose(answers["sum"], inner(x) + model.get_layer("beside")(x), atol=1e-5)


def test_describe_lists_every_layer(served: Fixture, client: Client) -> None:
    description = client.describe("convolutional")
    model = served.models["convolutional"]
    assert [layer.name for layer in description.layers][1:] == [layer.name for layer in model.layers]
    assert description.parameters == model.count_params()
    conv = next(layer for layer in description.layers if layer.name == "conv")
    assert (conv.class_name, conv.outputs[0].shape, conv.parameters) == ("Conv2D", (None, 8, 8, 8), 224)
    assert (conv.index, conv.inputs, conv.macs) == (0, ("input_layer_1",), 8 * 8 * 8 * 27)
    assert conv.row_bytes == 8 * 8 * 8 * 4


def test_an_unknown_layer_is_told_with_the_nearest_names(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="no output or layer 'hiden'; expected one of 'hidden'"):
        client.predict("dense", np.zeros((1, 12), np.float32), layers="hiden")


@pytest.mark.slow
def test_an_early_layer_does_not_pay_for_the_layers_behind_it(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Twelve wide layers stand behind the first; asked for alone, it takes a fraction of their time."""
    folder = tmp_path_factory.mktemp("deep")
    wide = [keras.layers.Dense(2048, name=f"wide{index}") for index in range(12)]
    keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, name="first"), *wide]).save(
        folder / "deep.h5"
    )
    x = np.zeros((64, 64), np.float32)
    with Client(start(folder).grpc) as client:
        took_s = {layer: fastest_s(client, x, layer) for layer in ("first", "wide11")}
    assert took_s["first"] < took_s["wide11"] / 2


def fastest_s(client: Client, x: np.ndarray, layer: str) -> float:
    took = []
    for _ in range(7):
        begin = time.perf_counter()
        client.predict("deep", x, layers=layer)
        took.append(time.perf_counter() - begin)
    return min(took)
