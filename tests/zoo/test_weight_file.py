"""Weights in a file beside the graph: the same answers, and nothing held twice."""

import subprocess
import sys

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from horngate.zoo.convert import Refused, convert
from horngate.zoo.weight_file import WeightFile, array_of

BIG = """
import resource, sys
from pathlib import Path
import keras, numpy as np, onnx, onnxruntime
from horngate.zoo.convert import convert

model = keras.Sequential([
    keras.Input((2,), dtype="int32"),
    keras.layers.Embedding(2_200_000, 256, embeddings_initializer="ones"),
    keras.layers.GlobalAveragePooling1D(),
])
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder = Path(sys.argv[1])
converted = convert(model, folder / "weights.bin")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
(folder / "graph.onnx").write_bytes(converted.proto.SerializeToString())
del model
session = onnxruntime.InferenceSession(folder / "graph.onnx")
answer = session.run(None, {session.get_inputs()[0].name: np.asarray([[3, 2_199_999]], "i4")})[0]
assert answer.shape == (1, 256) and (answer == 1).all()
print((folder / "weights.bin").stat().st_size, grown * 1024)
"""


def network():
    inputs = keras.Input((64,))
    x = layers.Dense(64, activation="relu", name="hidden")(inputs)
    return keras.Model(inputs, layers.Dense(3)(x))


def test_a_graph_beside_its_weights_answers_as_one_that_holds_them(tmp_path):
    model = network()
    whole = convert(model).proto
    slim = convert(model, tmp_path / "weights.bin").proto
    (tmp_path / "graph.onnx").write_bytes(slim.SerializeToString())
    rows = {slim.graph.input[0].name: np.random.default_rng(0).normal(size=(3, 64)).astype("f4")}
    sessions = (
        onnxruntime.InferenceSession(one) for one in (whole.SerializeToString(), tmp_path / "graph.onnx")
    )
    left, right = (session.run(None, rows)[0] for session in sessions)
    assert (left == right).all()
    assert len(slim.SerializeToString()) < 2_000 < len(whole.SerializeToString())


def test_weights_are_mapped_from_the_file(tmp_path):
    proto = convert(network(), tmp_path / "weights.bin").proto
    for tensor, whole in zip(
        proto.graph.initializer, convert(network()).proto.graph.initializer, strict=True
    ):
        assert array_of(tensor, tmp_path).shape == onnx.numpy_helper.to_array(whole).shape
    large = max(proto.graph.initializer, key=lambda one: np.prod(one.dims))
    assert isinstance(array_of(large, tmp_path), np.memmap)
    with pytest.raises(ValueError, match="lie in a file"):
        array_of(large, None)


def test_a_refused_model_leaves_no_file(tmp_path):
    inputs = keras.Input((64,))
    model = keras.Model(
        inputs, layers.Lambda(lambda x: keras.ops.linalg.inv(x[:, :1, None]))(layers.Dense(64)(inputs))
    )
    with pytest.raises(Refused):
        convert(model, tmp_path / "weights.bin")
    assert not list(tmp_path.iterdir())


def test_a_model_without_large_weights_needs_no_file(tmp_path):
    convert(keras.Sequential([keras.Input((2,)), layers.Dense(1)]), tmp_path / "weights.bin")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_open_takes_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="not open"):
        WeightFile(tmp_path / "weights.bin").add(onnx.TensorProto(), np.zeros(1000))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_gigabytes_and_more_are_not_held_twice(tmp_path):
    """2.25 GB of weights, more than a graph can hold: conversion itself takes next to no memory."""
    run = [sys.executable, "-c", BIG, str(tmp_path)]
    out = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    size, grown = map(int, out.split()[-2:])
    assert size > 2**31
    assert grown < size // 10
