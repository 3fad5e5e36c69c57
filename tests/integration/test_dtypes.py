"""Every dtype that Keras uses travels both ways unchanged, strings too; and what needs Keras runs on Keras."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import keras
import numpy as np
import pytest
import tritonclient.grpc as triton
from keras import layers

from horngate.cli.serving import Serving, serving
from horngate.client import Client
from tests.integration.building import build_ahead
from tests.integration.processes import titles

DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
)


def every_dtype() -> keras.Model:
    inputs = [keras.Input((3,), dtype=dtype, name=f"{dtype}_in") for dtype in DTYPES]
    outputs = [
        layers.Reshape((3, 1), name=f"{dtype}_out", dtype=dtype if dtype.startswith("float") else None)(
            tensor
        )
        for dtype, tensor in zip(DTYPES, inputs, strict=True)
    ]
    return keras.Model(inputs, outputs)


def lookup() -> keras.Model:
    words = keras.Input((2,), dtype="string", name="words")
    return keras.Model(words, layers.StringLookup(vocabulary=["horn", "gate"], name="ids")(words))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Serving]:
    workspace = tmp_path_factory.mktemp("dtypes")
    folder = workspace / "models"
    folder.mkdir()
    every_dtype().save(folder / "every_dtype.keras")
    lookup().save(folder / "lookup.keras")
    build_ahead(folder, cache)
    with serving(folder, workspace=workspace, arguments=("--cache", str(cache))) as running:
        yield running


def random(dtype: str) -> np.ndarray:
    generator = np.random.default_rng(len(dtype))
    if dtype == "bool":
        return generator.random((4, 3)) < 0.5
    if dtype.startswith("float"):
        return generator.standard_normal((4, 3)).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, (4, 3), dtype=dtype, endpoint=True)


def test_every_dtype_comes_back_as_it_went(server: Serving) -> None:
    inputs = {f"{dtype}_in": random(dtype) for dtype in DTYPES}
    with Client(server.grpc) as client:
        answer = client.predict("every_dtype", inputs)
    for dtype in DTYPES:
        result = answer[f"{dtype}_out"]
        assert result.dtype == dtype
        np.testing.assert_array_equal(result[..., 0], inputs[f"{dtype}_in"])


def test_strings_reach_the_model(server: Serving) -> None:
    words = np.array([["gate", "horn"], ["ivory", "gate"]])
    truth = [[2, 1], [0, 2]]
    with Client(server.grpc) as client:
        assert client.predict("lookup", words).tolist() == truth
    remote = triton.InferenceServerClient(server.grpc)
    tensor = triton.InferInput("words", [2, 2], "BYTES")
    tensor.set_data_from_numpy(np.char.encode(words).astype(object))
    assert remote.infer("lookup", [tensor]).as_numpy("ids").tolist() == truth
    remote.close()


def test_every_dtype_and_strings_over_tensorflow_servings_api(server: Serving) -> None:
    pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    inputs = {f"{dtype}_in": random(dtype) for dtype in DTYPES}
    words = {"words": np.array([[b"gate", b"horn"]], object)}
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answers = []
        for name, given in (("every_dtype", inputs), ("lookup", words)):
            request = predict_pb2.PredictRequest(
                inputs={key: tf.make_tensor_proto(array) for key, array in given.items()}
            )
            request.model_spec.name = name
            answers.append(stub.Predict(request, timeout=30))
    for dtype in DTYPES:
        result = tf.make_ndarray(answers[0].outputs[f"{dtype}_out"])
        assert result.dtype == dtype
        np.testing.assert_array_equal(result[..., 0], inputs[f"{dtype}_in"])
    assert tf.make_ndarray(answers[1].outputs["ids"]).tolist() == [[2, 1]]


def test_each_model_is_on_an_engine_that_can_run_it(server: Serving) -> None:
    """A worker of its own holds what only Keras can run, so that TensorFlow never meets the ONNX engines."""
    with Client(server.grpc) as client:
        engines = {name: client.describe(name).engine.split()[0] for name in ("every_dtype", "lookup")}
    assert engines["every_dtype"] in ("onnxruntime", "openvino")
    running = set(titles(server.pid).values())
    assert ("horngate: worker keras" in running) == ("keras" in engines.values())
