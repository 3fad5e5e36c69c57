"""Kinds of graph: shared, nested, several inputs and outputs; every layer asked for by its name."""

import keras
import pytest
from keras import layers


def merged(layer, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, layer(inputs))


MERGES = {
    "add": lambda: merged(layers.Add(), (4,), (4,), (4,)),
    "subtract": lambda: merged(layers.Subtract(), (4, 3), (4, 3)),
    "multiply": lambda: merged(layers.Multiply(), (4, 3), (1, 3)),
    "average": lambda: merged(layers.Average(), (4,), (4,), (4,)),
    "maximum": lambda: merged(layers.Maximum(), (4,), (4,)),
    "minimum": lambda: merged(layers.Minimum(), (4,), (4,), (4,)),
    "add, other ranks": lambda: merged(layers.Add(), (5, 4, 3), (3,)),
    "concatenate": lambda: merged(layers.Concatenate(), (4, 3), (4, 2)),
    "concatenate steps": lambda: merged(layers.Concatenate(axis=1), (4, 3), (2, 3)),
    "dot, vectors": lambda: merged(layers.Dot(axes=1), (4,), (4,)),
    "dot, cosine": lambda: merged(layers.Dot(axes=-1, normalize=True), (4,), (4,)),
    "dot, matrices": lambda: merged(layers.Dot(axes=(2, 1)), (3, 4), (4, 5)),
    "dot, turned matrices": lambda: merged(layers.Dot(axes=(1, 2)), (4, 3), (5, 4)),
    "dot, matrix and vector": lambda: merged(layers.Dot(axes=(2, 1)), (3, 4), (4,)),
    "dot, vector and matrix": lambda: merged(layers.Dot(axes=(1, 1)), (4,), (4, 5)),
}


@pytest.mark.parametrize("name", MERGES)
def test_merges(name, agree):
    agree(MERGES[name]())


def test_channels_that_are_stored_second_stay_so(agree):
    inputs = keras.Input((8, 8, 3))
    left = layers.Conv2D(4, 3, padding="same")(inputs)
    right = layers.BatchNormalization()(layers.Conv2D(4, 1)(inputs))
    x = layers.Concatenate()([layers.Add()([left, right]), left])
    x = layers.ZeroPadding2D()(layers.MaxPooling2D()(layers.ReLU()(x)))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3)(x)))
    case = agree(model)
    kinds = [node.op_type for node in case.cut(case.spec.outputs).graph.node]
    assert kinds.count("Transpose") == 1


def branching():
    """Shared layers, a nested model called twice, a layer with several outputs, an unused input."""
    inner_in = keras.Input((4,), name="inner_in")
    inner_out = layers.Dense(4, name="second")(layers.Dense(6, name="first", activation="relu")(inner_in))
    inner = keras.Model(inner_in, inner_out, name="inner")
    shared = layers.Dense(4, name="shared")
    left, right, idle = (keras.Input((4,), name=name) for name in ("left", "right", "idle"))
    x = layers.Add(name="sum")([shared(left), inner(right)])
    y = inner(shared(x))
    steps, h, c = layers.LSTM(3, name="lstm", return_state=True)(layers.Reshape((2, 2), name="steps")(y))
    last = layers.Concatenate(name="last")([steps, c, h])
    return keras.Model([left, right, idle], [last, c, x, last])


def test_a_branching_model(agree):
    case = agree(branching())
    assert [one.name for one in case.spec.inputs] == ["left", "right", "idle"]
    assert [one.name for one in case.spec.outputs] == ["last", "lstm.2", "sum", "last_1"]
    assert [one.name for one in case.cut(case.spec.outputs).graph.input] == ["left", "right"]


def test_every_call_of_every_layer_has_its_name(agree):
    requestable = agree(branching()).spec.requestable
    assert {
        "shared",
        "shared:1",
        "inner",
        "inner:1",
        "inner/first",
        "inner:1/first",
        "lstm",
        "lstm.1",
    } <= set(requestable)


def test_shared_layers_share_their_weights(agree):
    case = agree(branching())
    kernels = [one.name for one in case.converted.proto.graph.initializer if list(one.dims) == [4, 6]]
    assert len(kernels) == 1


def small_network():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(2.0)(inputs))
    x = layers.Dropout(0.2)(layers.BatchNormalization()(x))
    x = layers.Conv2D(4, 1)(layers.MaxPooling2D()(x))
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def sequence_network():
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
            layers.GRU(3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize("build", [small_network, sequence_network], ids=["images", "words"])
def test_every_layer_agrees(build, agree, answers):
    case = agree(build())
    layered = {layer.name: layer.output for layer in case.model.layers}
    submodel = keras.Model(case.model.inputs, list(layered.values()))
    specs = [case.spec.requestable[name] for name in layered]
    answers(case, specs, submodel)


def test_inner_layers_agree(agree, answers):
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="tanh", name="a"), layers.Dense(2)], name="in"
    )
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1)(inner(layers.Dense(4)(inputs))))
    case = agree(model)
    reach = keras.Model(inner.inputs, inner.get_layer("a").output)
    submodel = keras.Model(inputs, reach(model.layers[1].output))
    answers(case, [case.spec.requestable["in/a"]], submodel)


def test_outputs_of_a_dict_are_named_by_its_keys(agree):
    inputs = keras.Input((4,), name="x")
    model = keras.Model({"x": inputs}, {"b": layers.Dense(2, name="a")(inputs), "c": layers.Dense(3)(inputs)})
    assert [one.name for one in agree(model).spec.outputs] == ["b", "c"]


def test_an_output_named_like_an_input_is_another_tensor(agree):
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, {"x": layers.Dense(2)(inputs)})
    assert [one.name for one in agree(model).spec.outputs] == ["x_1"]


def test_an_input_that_is_an_output(agree):
    inputs = keras.Input((4,), name="x")
    agree(keras.Model(inputs, [inputs, layers.Dense(2)(inputs)]), engines=["onnxruntime"])


def test_free_sizes(agree):
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    x = layers.UpSampling2D()(layers.AveragePooling2D(2, padding="same")(x))
    agree(keras.Model(inputs, layers.GlobalMaxPooling2D()(x)))


def test_floats_are_cast_as_keras_casts_them(agree):
    inputs = keras.Input((4,), dtype="float64")
    agree(keras.Model(inputs, layers.Dense(3)(inputs)))


def test_the_same_model_converts_to_the_same_bytes():
    from horngate.zoo.convert import convert

    model = branching()
    assert convert(model).proto.SerializeToString() == convert(model).proto.SerializeToString()


CHANNELS_FIRST_AFTER_LAST = {
    "pooling, global": lambda: layers.GlobalAveragePooling2D(data_format="channels_first"),
    "pooling": lambda: layers.MaxPooling2D(2, data_format="channels_first"),
    "padding": lambda: layers.ZeroPadding2D(((1, 0), (0, 2)), data_format="channels_first"),
    "cropping": lambda: layers.Cropping2D(((1, 0), (0, 2)), data_format="channels_first"),
    "convolution": lambda: layers.Conv2D(2, 3, data_format="channels_first"),
    "upsampling": lambda: layers.UpSampling2D((1, 2), data_format="channels_first"),
    "normalization": lambda: layers.GroupNormalization(2, axis=1),
}


@pytest.mark.parametrize("name", CHANNELS_FIRST_AFTER_LAST)
def test_layers_that_take_the_height_for_the_channels(name, agree):
    inputs = keras.Input((6, 6, 6))
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    agree(keras.Model(inputs, CHANNELS_FIRST_AFTER_LAST[name]()(x)))


MASKED_MERGES = {
    "multiply": (layers.Multiply, True),
    "multiply, one masked": (layers.Multiply, False),
    "maximum": (layers.Maximum, True),
    "maximum, one masked": (layers.Maximum, False),
    "minimum": (layers.Minimum, True),
    "add": (layers.Add, True),
    "average": (layers.Average, False),
    "subtract": (layers.Subtract, True),
}


@pytest.mark.parametrize("name", MASKED_MERGES)
def test_merges_of_masked_steps(name, agree):
    kind, both = MASKED_MERGES[name]
    words = [keras.Input((6,), dtype="int32") for _ in range(2)]
    x = layers.Embedding(5, 3, mask_zero=True)(words[0])
    y = layers.Embedding(5, 3, mask_zero=both)(words[1])
    merged = kind()([x, y])
    agree(keras.Model(words, [merged, layers.GRU(2)(merged), kind()([y, x])]))


def test_what_attention_does_to_the_masks_of_its_inputs(agree):
    """Keras's MultiHeadAttention takes the mask from the tensors themselves, so what reads them later has none."""
    words = keras.Input((6,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(words)
    y = layers.Add()([x, layers.MultiHeadAttention(2, 4)(layers.LayerNormalization()(x), x)])
    y = layers.Add()([y, layers.MultiHeadAttention(2, 4)(y, y)])
    after = [layers.GlobalAveragePooling1D()(y), layers.GRU(2)(x), layers.Multiply()([x, y])]
    agree(keras.Model(words, after))
