"""Shapes worked out without Keras are those that Keras works out."""

import json

import pytest
from keras import layers

from horngate.zoo.files.origin import origin_of
from horngate.zoo.files.upgrade import upgrade
from horngate.zoo.inspection.large_rows import large_rows
from horngate.zoo.inspection.shape_rules import output_shape
from horngate.zoo.inspection.shapes import inferred
from horngate.zoo.inspection.todays_wires import with_calls
from tests.integration import models
from tests.zoo.safety.files import layer, sequential

IMAGE, STEPS, ROW = (None, 9, 12, 3), (None, 11, 6), (None, 8)

CASES = [
    *((layers.Conv2D(5, 3, strides=s, padding=p), IMAGE) for s in (1, 2) for p in ("same", "valid")),
    (layers.Conv2D(5, (2, 3), dilation_rate=2), IMAGE),
    (layers.Conv2D(5, 3, data_format="channels_first"), IMAGE),
    (layers.Conv1D(4, 3, strides=2), STEPS),
    (layers.Conv3D(4, 2), (None, 5, 6, 7, 2)),
    (layers.SeparableConv2D(7, 3, padding="same"), IMAGE),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
    *(
        (layers.Conv2DTranspose(4, k, strides=s, padding=p), IMAGE)
        for k, s, p in ((3, 2, "same"), (2, 3, "valid"))
    ),
    (layers.MaxPooling2D(2, strides=3, padding="same"), IMAGE),
    (layers.AveragePooling1D(3), STEPS),
    (layers.GlobalAveragePooling2D(), IMAGE),
    (layers.GlobalMaxPooling2D(keepdims=True), IMAGE),
    (layers.UpSampling2D((2, 3)), IMAGE),
    (layers.UpSampling1D(3), STEPS),
    (layers.ZeroPadding2D(((1, 2), (3, 4))), IMAGE),
    (layers.ZeroPadding1D((1, 2)), STEPS),
    (layers.Cropping2D(2), IMAGE),
    (layers.Resizing(4, 5), IMAGE),
    (layers.CenterCrop(4, 5), IMAGE),
    (layers.Flatten(), IMAGE),
    (layers.Reshape((4, -1)), IMAGE),
    (layers.Permute((3, 1, 2)), IMAGE),
    (layers.RepeatVector(5), ROW),
    (layers.Embedding(9, 4), ROW),
    (layers.Dense(5), STEPS),
    (layers.LSTM(4, return_sequences=True), STEPS),
    (layers.GRU(4), STEPS),
    (layers.BatchNormalization(), IMAGE),
    (layers.LeakyReLU(), IMAGE),
    (layers.Concatenate(axis=1), [IMAGE, (None, 2, 12, 3)]),
    (layers.Add(), [IMAGE, (None, 1, 12, 3)]),
]


@pytest.mark.parametrize(("made", "shape"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_rule_tells_what_keras_computes(made, shape):
    inputs = shape if isinstance(shape, list) else [shape]
    expected = tuple(made.compute_output_shape(shape))
    config = json.loads(json.dumps(made.get_config(), default=str))
    assert output_shape(type(made).__name__, config, inputs) == expected


def test_what_is_not_known_is_left_out():
    assert output_shape("Scale", {}, [ROW]) is None
    assert output_shape("Dense", {"units": None}, [ROW]) is None
    assert output_shape("Conv2D", {"filters": 3, "kernel_size": [3, 3]}, [ROW]) is None


def functional(*entries, inputs, outputs):
    nodes = [entry | {"name": entry["config"]["name"]} for entry in entries]
    ends = {
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": "Model", "config": {"name": "model", "layers": nodes, **ends}}


def test_shapes_follow_the_wires_through_inner_models_and_wrappers():
    inner = sequential(layer("Dense", "deep", units=7)) | {"inbound_nodes": [[["b", 0, 0, {}]]]}
    inner["config"]["name"] = "inner"
    last = layer("Concatenate", "both", axis=-1) | {
        "inbound_nodes": [[["one", 0, 0, {}], ["inner", 0, 0, {}]]]
    }
    first = layer("Dense", "one", units=3) | {"inbound_nodes": [[["a", 0, 0, {}]]]}
    a, b = (layer("InputLayer", name, batch_input_shape=[None, 4]) | {"inbound_nodes": []} for name in "ab")
    # Layers need not stand in the order in which they are called.
    config = functional(a, b, last, first, inner, inputs="ab", outputs=["both"])
    found = inferred(upgrade(config, origin_of("2.3.1", "tensorflow", config)).config).shapes
    assert found["both"] == (None, 10)
    assert found["inner/deep"] == (None, 7)


def test_wrappers_of_layers():
    steps = layer("TimeDistributed", "each", layer=layer("Dense", "dense", units=5))
    both = layer("Bidirectional", "ways", merge_mode="concat", layer=layer("LSTM", "lstm", units=6))
    first = layer("InputLayer", "x", batch_input_shape=[None, 9, 2])
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": [first, steps, both]}}
    found = inferred(upgrade(config, origin_of("2.3.1", "tensorflow", config)).config).shapes
    assert (found["each"], found["ways"]) == ((None, 9, 5), (None, 12))


def test_shapes_of_todays_networks():
    for build in (models.convolutional, models.recurrent, models.several, models.nested):
        model = build()
        found = inferred(with_calls(json.loads(model.to_json()))).shapes
        for made in model.layers:
            outputs = made.output if isinstance(made.output, list) else [made.output]
            assert found[made.name] == tuple(outputs[0].shape), made.name


def test_bombs_in_several_steps_are_told():
    """No step of it is large by itself."""
    steps = [layer("UpSampling1D", f"up{i}", size=1000) for i in range(4)]
    config = sequential(layer("Reshape", "steps", target_shape=[4, 1]), *steps)
    shapes = inferred(upgrade(config, origin_of("2.3.1", "tensorflow", config)).config).shapes
    first, finding = large_rows(shapes)
    assert (first.where, finding.where) == ("layer 'up2'", "layer 'up3'")
    assert "makes (rows, 4000000000000, 1) of its input, 16,000,000,000,000 bytes a row" in finding.what
