"""Each step by itself: what it makes of one layer or model, and that it leaves alone what is not its business."""

import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin, origin_of
from horngate.zoo.files.upgrade import STEPS, upgrade

KERAS_1 = Origin(version="1.2.2", backend="tensorflow", generation=1)
KERAS_2 = Origin(version="2.1.3", backend="tensorflow", samples_corners=True)
TF_KERAS = Origin(version="2.6.0", backend="tensorflow", is_tf_keras=True)
BY_NAME = {step.name: step for step in STEPS}


def layer(kind, **config):
    return {"class_name": kind, "config": {"name": "it", **config}}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def tensor(of, call=0, output=0):
    return {"of": of, "call": call, "tensor": output}


LAYERS = [
    (
        "plain-form",
        TF_KERAS,
        {"module": "keras.src.layers", "registered_name": None, **layer("LSTMV2")},
        layer("LSTM"),
    ),
    (
        "plain-form",
        TF_KERAS,
        {"module": "mine", "registered_name": "Custom>Scale", **layer("Scale")},
        layer("Custom>Scale"),
    ),
    (
        "plain-form",
        TF_KERAS,
        layer("Activation", activation={"module": "builtins", "class_name": "function", "config": "my_act"}),
        layer("Activation", activation="my_act"),
    ),
    (
        "numbers",
        KERAS_2,
        layer("ReLU", max_value={"type": "ndarray", "value": 6.0}),
        layer("ReLU", max_value=6.0),
    ),
    ("keras-1-classes", KERAS_1, layer("Convolution2D", nb_filter=4), layer("Conv2D", nb_filter=4)),
    ("keras-1-classes", KERAS_1, layer("TimeDistributedDense"), layer("Dense")),
    ("keras-1-merge", KERAS_1, layer("Merge", mode="ave", arguments={}), layer("Average")),
    ("keras-1-merge", KERAS_1, layer("Merge", mode="concat", concat_axis=2), layer("Concatenate", axis=2)),
    ("keras-1-merge", KERAS_1, layer("Merge", mode="cos", dot_axes=1), layer("horngate>CosineMerge", axes=1)),
    (
        "keras-1-arguments",
        KERAS_1,
        layer(
            "Conv2D",
            nb_filter=4,
            nb_row=3,
            nb_col=2,
            border_mode="same",
            subsample=[1, 2],
            dim_ordering="th",
            bias=False,
            init="normal",
            W_regularizer={"name": "WeightRegularizer", "l1": 0.0, "l2": 0.1},
            W_constraint={"name": "MaxNorm", "m": 2, "axis": 0},
            weights=None,
        ),
        layer(
            "Conv2D",
            filters=4,
            kernel_size=[3, 2],
            padding="same",
            strides=[1, 2],
            data_format="channels_first",
            use_bias=False,
            kernel_initializer="random_normal",
            kernel_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.1}},
            kernel_constraint={"class_name": "MaxNorm", "config": {"axis": 0, "max_value": 2}},
        ),
    ),
    (
        "keras-1-arguments",
        KERAS_1,
        layer(
            "LSTM",
            output_dim=3,
            inner_init="orthogonal",
            inner_activation="tanh",
            forget_bias_init="one",
            dropout_W=0.1,
            dropout_U=0.2,
            consume_less="gpu",
            input_dim=4,
            input_length=None,
        ),
        layer(
            "LSTM",
            units=3,
            recurrent_initializer="orthogonal",
            recurrent_activation="tanh",
            unit_forget_bias=True,
            dropout=0.1,
            recurrent_dropout=0.2,
        ),
    ),
    (
        "keras-1-arguments",
        KERAS_1,
        layer("Embedding", input_dim=9, output_dim=2, init="uniform", input_length=4, dropout=0.1),
        layer("Embedding", input_dim=9, output_dim=2, embeddings_initializer="random_uniform"),
    ),
    ("keras-1-arguments", KERAS_1, layer("Dropout", p=0.3), layer("Dropout", rate=0.3)),
    (
        "keras-1-arguments",
        KERAS_1,
        layer("ZeroPadding2D", padding=[1, 2, 3, 4]),
        layer("ZeroPadding2D", padding=[[1, 2], [3, 4]]),
    ),
    ("keras-1-arguments", KERAS_1, layer("UpSampling1D", length=3), layer("UpSampling1D", size=3)),
    (
        "keras-1-arguments",
        KERAS_1,
        layer("MaxPooling1D", pool_length=3, stride=2, border_mode="valid"),
        layer("MaxPooling1D", pool_size=3, strides=2, padding="valid"),
    ),
    (
        "keras-1-batch-normalization",
        KERAS_1,
        layer("BatchNormalization", mode=0),
        layer("BatchNormalization"),
    ),
    (
        "keras-1-batch-normalization",
        KERAS_1,
        layer("BatchNormalization", mode=1),
        layer("horngate>SamplewiseNormalization"),
    ),
    ("shapes-of-inputs", KERAS_2, layer("Dense", batch_input_shape=[None, 3]), layer("Dense")),
    (
        "dtype-policies",
        TF_KERAS,
        layer("Dense", dtype={"class_name": "Policy", "config": {"name": "mixed_float16"}}),
        layer("Dense", dtype="mixed_float16"),
    ),
    ("dtype-policies", KERAS_2, layer("Embedding", dtype="int32"), layer("Embedding")),
    ("dtype-policies", TF_KERAS, layer("Dense", dtype=None), layer("Dense")),
    (
        "initializers",
        TF_KERAS,
        layer(
            "Dense",
            kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": 3, "dtype": "float32"}},
        ),
        layer("Dense", kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": 3}}),
    ),
    (
        "cudnn-layers",
        KERAS_2,
        layer("CuDNNGRU", units=2),
        layer(
            "GRU", units=2, activation="tanh", recurrent_activation="sigmoid", use_bias=True, reset_after=True
        ),
    ),
    (
        "hard-sigmoid",
        KERAS_2,
        layer("LSTM", recurrent_activation="hard_sigmoid"),
        layer("LSTM", recurrent_activation="horngate>hard_sigmoid"),
    ),
    ("activation-names", TF_KERAS, layer("Dense", activation="swish"), layer("Dense", activation="silu")),
    ("gru-reset-after", KERAS_2, layer("GRU", units=2), layer("GRU", units=2, reset_after=False)),
    ("time-major", TF_KERAS, layer("LSTM", time_major=False), layer("LSTM")),
    ("leaky-relu", KERAS_2, layer("LeakyReLU", alpha=0.2), layer("LeakyReLU", negative_slope=0.2)),
    (
        "normalization-axes",
        TF_KERAS,
        layer("BatchNormalization", axis=[3]),
        layer("BatchNormalization", axis=3),
    ),
    (
        "synchronised-batch-normalization",
        TF_KERAS,
        layer("SyncBatchNormalization"),
        layer("BatchNormalization", synchronized=True),
    ),
    (
        "corner-bilinear",
        KERAS_2,
        layer("UpSampling2D", size=[2, 2], interpolation="bilinear"),
        layer("horngate>CornerBilinearUpSampling2D", size=[2, 2]),
    ),
    (
        "own-layers",
        KERAS_2,
        layer("ThresholdedReLU", theta=0.5),
        layer("horngate>ThresholdedReLU", theta=0.5),
    ),
    ("own-layers", TF_KERAS, layer("RandomWidth", factor=0.1), layer("Identity")),
]


@pytest.mark.parametrize(("step", "origin", "before", "after"), LAYERS, ids=[case[0] for case in LAYERS])
def test_a_layer(step, origin, before, after) -> None:
    assert BY_NAME[step].apply(before, origin)[0] == after
    nested = sequential(layer("TimeDistributed", layer=before))
    changed, touched = BY_NAME[step].apply(nested, origin)
    assert changed["config"]["layers"][0]["config"]["layer"] == after
    assert touched
    assert BY_NAME[step].apply(changed, origin) == (changed, ()) or step == "keras-1-arguments"


@pytest.mark.parametrize(
    ("step", "origin", "entry"),
    [
        ("corner-bilinear", TF_KERAS, layer("UpSampling2D", interpolation="bilinear")),
        ("corner-bilinear", KERAS_2, layer("UpSampling2D", interpolation="nearest")),
        ("gru-reset-after", TF_KERAS, layer("GRU", reset_after=True)),
        ("keras-1-arguments", KERAS_2, layer("Dense", init="uniform")),
        ("normalization-axes", TF_KERAS, layer("LayerNormalization", axis=[1, 2])),
    ],
)
def test_what_is_not_a_steps_business_stays(step, origin, entry) -> None:
    assert BY_NAME[step].apply(entry, origin) == (entry, ())


def test_a_sequential_model_as_a_list() -> None:
    before = {"class_name": "Sequential", "config": [{"name": "Dense", "custom_name": "it", "output_dim": 2}]}
    changed, touched = BY_NAME["sequential-list"].apply(before, KERAS_1)
    assert changed["config"] == {"name": "sequential", "layers": [layer("Dense", output_dim=2)]}
    assert touched == ("sequential",)


@pytest.mark.parametrize(
    "told", [{"batch_input_shape": [None, 3], "dtype": "float32"}, {"batch_input_shape": [2, 3]}]
)
def test_an_input_in_front(told) -> None:
    changed, _ = BY_NAME["input-layers"].apply(sequential(layer("Dense", **told)), KERAS_2)
    given = changed["config"]["layers"][0]
    assert given["class_name"] == "InputLayer"
    assert given["config"]["batch_shape"] == told["batch_input_shape"]


NESTED_CALLED_FROM_1 = {
    "class_name": "Model",
    "config": {
        "name": "model",
        "layers": [
            {**layer("InputLayer"), "name": "x", "inbound_nodes": []},
            {
                **sequential(layer("Dense")),
                "name": "inner",
                "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]],
            },
            {
                **layer("TFOpLambda"),
                "name": "op",
                "inbound_nodes": [["inner", 2, 0, {"y": 2.0, "z": ["x", 0, 0]}]],
            },
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["op", 0, 0]],
    },
}


def test_calls_of_inner_models_are_counted_from_0() -> None:
    changed, _ = BY_NAME["wiring"].apply(NESTED_CALLED_FROM_1, TF_KERAS)
    _, inner, op = changed["config"]["layers"]
    assert [call["input"] for call in inner["calls"]] == [[tensor("x")], [tensor("inner", call=0)]]
    assert op["calls"] == [
        {"input": tensor("inner", call=1), "keywords": {"y": {"value": 2.0}, "z": tensor("x")}}
    ]
    assert changed["config"]["output_layers"] == [tensor("op")]


def called(entry, *calls):
    return {**entry, "name": "it", "calls": list(calls)}


def test_initial_states_by_name() -> None:
    call = {"input": [tensor("x"), tensor("h"), tensor("c")], "keywords": {}}
    changed, _ = BY_NAME["initial-states"].apply(called(layer("LSTM"), call), KERAS_2)
    assert changed["calls"] == [
        {"input": tensor("x"), "keywords": {"initial_state": [tensor("h"), tensor("c")]}}
    ]


def test_causal_attention_by_call() -> None:
    call = {"input": [tensor("q"), tensor("v")], "keywords": {}}
    changed, _ = BY_NAME["causal-attention"].apply(called(layer("Attention", causal=True), call), TF_KERAS)
    assert changed["calls"][0]["keywords"] == {"use_causal_mask": {"value": True}}
    assert "causal" not in changed["config"]


def test_slashes_in_names() -> None:
    model = {
        "class_name": "Model",
        "config": {
            "name": "m",
            "layers": [called(layer("Dense", name="a/b"))],
            "output_layers": [tensor("a/b")],
        },
    }
    changed, _ = BY_NAME["layer-names"].apply(model, TF_KERAS)
    assert changed["config"]["layers"][0]["config"]["name"] == "a_b"
    assert changed["config"]["output_layers"] == [tensor("a_b")]


def test_a_tensorflow_function() -> None:
    call = {"input": tensor("x"), "keywords": {"y": {"value": 2.0}, "name": {"value": None}}}
    entry = called(layer("TFOpLambda", function="math.multiply"), call)
    changed, _ = BY_NAME["tensorflow-functions"].apply(entry, TF_KERAS)
    assert changed["class_name"] == "horngate>TensorFlowFunction"
    assert changed["config"]["arguments"] == {
        "positional": [{"tensor": 0}],
        "keywords": {"y": {"value": 2.0}},
    }
    assert changed["calls"] == [{"input": [tensor("x")], "keywords": {}}]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            called(layer("TFOpLambda", function="io.read_file"), {"input": tensor("x"), "keywords": {}}),
            "layer 'it' calls tf.io.read_file, which Horngate does not know",
        ),
        (
            called(
                layer("TensorFlowOpLayer", node_def={"op": "PyFunc"}), {"input": tensor("x"), "keywords": {}}
            ),
            "layer 'it' is TensorFlow's operator PyFunc, which Horngate does not know",
        ),
        (
            layer("BatchNormalization", mode=2),
            "layer 'it' is a BatchNormalization of mode 2.*cannot be served",
        ),
        (
            called(layer("RNN", num_constants=1), {"input": [tensor("x"), tensor("c")], "keywords": {}}),
            "layer 'it' gives its cell constants",
        ),
        (layer("LSTM", time_major=True), "layer 'it' reads steps before rows"),
        (layer("Merge", mode="x", mode_type="lambda"), "layer 'it' merges by a Python function of its own"),
    ],
)
def test_what_has_no_form_today(entry, told) -> None:
    with pytest.raises(LoadError, match=told):
        upgrade(entry, KERAS_1)


def test_branches_of_a_sequential_model() -> None:
    branch = [
        sequential(layer("Dense", name=name, batch_input_shape=[None, size]))
        for name, size in (("a", 3), ("b", 2))
    ]
    model = sequential(layer("Merge", name="m", mode="sum", layers=branch), layer("Dense", name="end"))
    changed, _ = BY_NAME["keras-1-branches"].apply(model, KERAS_1)
    assert changed["class_name"] == "Functional"
    assert [one["name"] for one in changed["config"]["layers"]] == [
        "a_input",
        "a",
        "b_input",
        "b",
        "m",
        "end",
    ]
    assert changed["config"]["layers"][4]["inbound_nodes"] == [[["a", 0, 0], ["b", 0, 0]]]
    assert changed["config"]["input_layers"] == [["a_input", 0, 0], ["b_input", 0, 0]]


@pytest.mark.parametrize(
    ("version", "backend", "config", "names", "expected"),
    [
        ("1.0.8", "", {}, ("dense_1_W",), {"generation": 1, "backend": "theano"}),
        ("1.2.2", "", {}, ("dense_1_W:0",), {"generation": 1, "backend": "tensorflow"}),
        ("", "", layer("Convolution2D", nb_filter=3), (), {"generation": 1, "told": False}),
        ("2.2.4", "theano", {}, (), {"generation": 2, "backend": "theano", "samples_corners": True}),
        (
            "2.2.4-tf",
            "tensorflow",
            layer("InputLayer", ragged=False),
            (),
            {"is_tf_keras": True, "samples_corners": False},
        ),
        ("2.1.6-tf", "tensorflow", {}, (), {"is_tf_keras": True, "samples_corners": True}),
        ("2.15.0", "tensorflow", {}, (), {"generation": 2, "is_tf_keras": True, "samples_corners": False}),
        ("3.4.1", "tensorflow", {}, (), {"generation": 3}),
        ("", "", layer("InputLayer", batch_shape=[None, 2]), (), {"generation": 3}),
    ],
)
def test_who_wrote_it(version, backend, config, names, expected) -> None:
    origin = origin_of(version, backend, config, names)
    assert {key: getattr(origin, key) for key in expected} == expected
