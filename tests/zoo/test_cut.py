"""Cutting a graph for what is asked for, and for nothing else."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from horngate.contract.tensors import TensorSpec
from horngate.zoo.convert import convert
from horngate.zoo.cut import cut
from horngate.zoo.describe import describe


def network():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    x = layers.Dense(5, name="first", activation="relu")(a)
    y = layers.Dense(5, name="second")(b)
    return keras.Model([a, b], layers.Dense(2, name="last")(layers.Add(name="sum")([x, y])))


@pytest.fixture
def parts():
    model = network()
    return convert(model), describe(model)


def asked(parts, *names):
    converted, spec = parts
    return cut(converted.proto, [(converted.tensors[name], spec.requestable[name]) for name in names])


def test_only_what_an_output_needs(parts):
    graph = asked(parts, "first").graph
    assert [one.name for one in graph.input] == ["a"]
    assert [node.op_type for node in graph.node] == ["Gemm", "Relu"]
    assert len(graph.initializer) == 2
    assert [one.name for one in graph.output] == ["first"]


def test_outputs_come_in_the_order_asked_for(parts):
    assert [one.name for one in asked(parts, "last", "first", "sum").graph.output] == ["last", "first", "sum"]


def test_one_value_under_two_names(parts):
    converted, spec = parts
    one = spec.requestable["first"]
    other = TensorSpec(name="again", datatype=one.datatype, shape=one.shape)
    value = converted.tensors["first"]
    proto = cut(converted.proto, [(value, one), (value, other)])
    onnx.checker.check_model(proto, full_check=True)
    assert [one.name for one in proto.graph.output] == ["first", "again"]


def test_an_input_asked_for_as_a_layer(parts):
    proto = asked(parts, "a", "first")
    onnx.checker.check_model(proto, full_check=True)
    assert [one.name for one in proto.graph.output] == ["a", "first"]


def test_the_graph_that_is_cut_stays_as_it_is(parts):
    before = parts[0].proto.SerializeToString()
    asked(parts, "first", "last")
    assert parts[0].proto.SerializeToString() == before


def test_an_unknown_value(parts):
    with pytest.raises(KeyError, match="the graph has no value"):
        cut(parts[0].proto, [("nothing", parts[1].outputs[0])])


def test_external_weights_are_not_read(tmp_path):
    model = keras.Sequential([keras.Input((512,)), *(layers.Dense(512) for _ in range(40))])
    converted, spec = convert(model), describe(model)
    onnx.save(converted.proto, tmp_path / "graph.onnx", save_as_external_data=True, location="weights.bin")
    slim = onnx.load(tmp_path / "graph.onnx", load_external_data=False)
    (tmp_path / "weights.bin").unlink()
    name = spec.layers[20].name
    proto = cut(slim, [(converted.tensors[name], spec.requestable[name])])
    assert len(proto.graph.initializer) == 20 + 1  # twenty kernels, one bias of zeros
    assert all(one.data_location == onnx.TensorProto.EXTERNAL for one in proto.graph.initializer)
    assert len(proto.SerializeToString()) < 20_000


def test_what_a_loop_reads_from_outside_is_kept():
    value = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["outside", "outside"], ["inside"])],
        "then",
        [],
        [value("inside", onnx.TensorProto.FLOAT, ["rows"])],
    )
    nodes = [
        onnx.helper.make_node("Neg", ["x"], ["outside"]),
        onnx.helper.make_node("If", ["flag"], ["y"], then_branch=body, else_branch=body),
    ]
    flag = onnx.numpy_helper.from_array(np.asarray(True), "flag")
    graph = onnx.helper.make_graph(nodes, "g", [value("x", 1, ["rows"])], [value("y", 1, ["rows"])], [flag])
    proto = cut(onnx.helper.make_model(graph), [("y", TensorSpec(name="y", datatype="FP32", shape=(None,)))])
    assert [node.op_type for node in proto.graph.node] == ["Neg", "If"]
