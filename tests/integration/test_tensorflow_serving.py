"""TensorFlow Serving's own client package, unmodified, against a running server."""

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import pytest

pytest.importorskip(
    "tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api, as ./check does"
)

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for

DEADLINE_S = 30


@pytest.fixture
def channel(served: Fixture) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.server.grpc) as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def models(channel: grpc.Channel) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict(stub: Any, name: str, inputs: dict[str, Any], *outputs: str, **spec: Any) -> Any:
    request = predict_pb2.PredictRequest(output_filter=outputs)
    fill(request.model_spec, name, **spec)
    for key, given in inputs.items():
        proto = tf.make_tensor_proto(given) if isinstance(given, np.ndarray) else given
        request.inputs[key].CopyFrom(proto)
    return stub.Predict(request, timeout=DEADLINE_S)


def fill(to: Any, name: str, *, version: int | None = None, label: str = "", signature: str = "") -> Any:
    to.name, to.signature_name = name, signature
    if version is not None:
        to.version.value = version
    if label:
        to.version_label = label
    return to


def examples(request: Any, key: str, rows: np.ndarray) -> Any:
    for row in rows:
        feature = request.input.example_list.examples.add().features.feature[key]
        if rows.dtype.kind == "f":
            feature.float_list.value.extend(row.reshape(-1).tolist())
        else:
            feature.int64_list.value.extend(row.reshape(-1).tolist())
    return request


def refused(call: Any, *arguments: Any, **keywords: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **keywords)
    return error.value.code(), error.value.details()  # type: ignore[attr-defined]


def test_predict_answers_as_keras(served: Fixture, stub: Any) -> None:
    model = served.models["several"]
    left, right = inputs_for(model, rows=3, seed=2)
    total, parts = model.predict([left, right], verbose=0)
    answer = predict(stub, "several", {"left": left, "right": right})
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("several", 1)
    assert answer.model_spec.signature_name == "serving_default"
    assert set(answer.outputs) == {"total", "parts"}
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["total"]), total, atol=1e-6)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["parts"]), parts, atol=1e-6)


def test_output_filter_names_outputs_and_layers(served: Fixture, stub: Any) -> None:
    model = served.models["nested"]
    (x,) = inputs_for(model, rows=2, seed=3)
    answer = predict(stub, "nested", {"x": x}, "inner/in_one", "out", signature="serving_default")
    assert set(answer.outputs) == {"inner/in_one", "out"}
    inner = model.get_layer("inner").get_layer("in_one")(x)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["inner/in_one"]), inner, atol=1e-5)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["out"]), model.predict(x, verbose=0), atol=1e-5)


def test_a_single_value_stands_for_a_whole_tensor(served: Fixture, stub: Any) -> None:
    ones = tf.make_tensor_proto(1.0, shape=(2, 12))
    answer = predict(stub, "dense", {"input_layer": ones})
    expected = served.models["dense"].predict(np.ones((2, 12), "f4"), verbose=0)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["probabilities"]), expected, atol=1e-6)


def test_metadata_is_the_signature(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    fill(request.model_spec, "recurrent")
    answer = stub.GetModelMetadata(request, timeout=DEADLINE_S)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    told = signature.inputs["tokens"]
    assert (tf.as_dtype(told.dtype), [dim.size for dim in told.tensor_shape.dim]) == (tf.int32, [-1, -1])
    told = signature.outputs["scores"]
    assert (tf.as_dtype(told.dtype), [dim.size for dim in told.tensor_shape.dim]) == (tf.float32, [-1, 3])
    assert answer.model_spec.version.value == 1


def test_classify_gives_each_rows_scores(served: Fixture, stub: Any) -> None:
    model = served.models["recurrent"]
    (tokens,) = inputs_for(model, rows=3, seed=4)
    request = classification_pb2.ClassificationRequest()
    fill(request.model_spec, "recurrent")
    answer = stub.Classify(examples(request, "tokens", tokens), timeout=DEADLINE_S)
    rows = answer.result.classifications
    assert [[one.label for one in row.classes] for row in rows] == [["0", "1", "2"]] * 3
    scores = [[one.score for one in row.classes] for row in rows]
    np.testing.assert_allclose(scores, model.predict(tokens, verbose=0), atol=1e-6)
    assert answer.model_spec.version.value == 1


def request_of_several(kind: Any, served: Fixture) -> tuple[Any, Any]:
    model = served.models["several"]
    left, right = inputs_for(model, rows=2, seed=5)
    request = kind()
    for a, b in zip(left, right, strict=True):
        features = request.input.example_list.examples.add().features.feature
        features["left"].float_list.value.extend(a.tolist())
        features["right"].float_list.value.extend(b.tolist())
    return request, model.predict([left, right], verbose=0)


def test_regress_gives_each_rows_value(served: Fixture, stub: Any) -> None:
    request, (total, _) = request_of_several(regression_pb2.RegressionRequest, served)
    for signature in ("", "total"):
        fill(request.model_spec, "several", signature=signature)
        answer = stub.Regress(request, timeout=DEADLINE_S)
        values = [one.value for one in answer.result.regressions]
        np.testing.assert_allclose(values, total[:, 0], atol=1e-6)
        assert answer.model_spec.signature_name == (signature or "serving_default")


def test_multi_inference_asks_several_outputs_for_the_same_rows(served: Fixture, stub: Any) -> None:
    request, (total, parts) = request_of_several(inference_pb2.MultiInferenceRequest, served)
    for output, method in (("parts", "classify"), ("total", "regress"), ("shared", "classify")):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        fill(task.model_spec, "several", signature=output)
    parted, totalled, shared = stub.MultiInference(request, timeout=DEADLINE_S).results
    assert parted.model_spec.signature_name == "parts"
    rows = parted.classification_result.classifications
    scores = [[one.score for one in row.classes] for row in rows]
    np.testing.assert_allclose(scores, parts, atol=1e-6)
    values = [one.value for one in totalled.regression_result.regressions]
    np.testing.assert_allclose(values, total[:, 0], atol=1e-6)
    assert len(shared.classification_result.classifications[0].classes) == 5


def test_status_tells_every_version(models: Any) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    fill(request.model_spec, "nested")
    (told,) = models.GetModelStatus(request, timeout=DEADLINE_S).model_version_status
    assert (told.version, told.state, told.status.error_code) == (2, told.AVAILABLE, 0)
    fill(request.model_spec, "nested", version=1)
    assert refused(models.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find version 1 of model nested",
    )


def test_versions_and_labels(served: Fixture, stub: Any) -> None:
    x = {"x": np.ones((1, 8), "f4")}
    expected = tf.make_ndarray(predict(stub, "nested", x).outputs["out"])
    for choice in ({"version": 2}, {"label": "stable"}, {"label": "2"}):
        answer = predict(stub, "nested", x, **choice)
        np.testing.assert_allclose(tf.make_ndarray(answer.outputs["out"]), expected, atol=1e-6)
        assert answer.model_spec.version.value == 2
    assert refused(predict, stub, "nested", x, version=9) == (
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(nested, 9); model 'nested': no version '9'; expected one of '2'",
    )
    code, said = refused(predict, stub, "nested", x, label="canary")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert said.startswith("Unrecognized servable version label: canary")


def reload(models: Any, config: str) -> Any:
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(f"model_config_list {{ config {{ {config} }} }}", request.config)
    return models.HandleReloadConfigRequest(request, timeout=DEADLINE_S)


def test_a_reload_moves_labels_while_everything_is_served(served: Fixture, stub: Any, models: Any) -> None:
    x = {"x": np.ones((1, 8), "f4")}
    both = 'name: "nested" version_labels { key: "%s" value: 2 }'
    try:
        assert reload(models, both % "canary").status.error_code == 0
        assert predict(stub, "nested", x, label="canary").model_spec.version.value == 2
        assert refused(predict, stub, "nested", x, label="stable")[0] is grpc.StatusCode.INVALID_ARGUMENT
    finally:
        reload(models, both % "stable")
    assert predict(stub, "nested", x, label="stable").model_spec.version.value == 2


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        (
            'name: "none"',
            "NOT_FOUND",
            "model 'none' is not in the repository, whose folder says what is served",
        ),
        (
            'name: "nested" version_labels { key: "a" value: 7 }',
            "FAILED_PRECONDITION",
            "Request to assign label to version 7 of model nested, which is not currently available for inference",
        ),
        (
            'name: "nested" model_version_policy { all {} }',
            "FAILED_PRECONDITION",
            "its model.toml says which versions, and the configuration asks for 'all': set versions there",
        ),
        (
            'name: "dense" model_version_policy { specific { versions: [1, 2] } }',
            "FAILED_PRECONDITION",
            "model 'dense' serves 1;",
        ),
    ],
)
def test_a_reload_that_asks_for_what_is_not_there_says_so(
    models: Any, config: str, code: str, said: str
) -> None:
    got, details = refused(reload, models, config)
    assert got.name == code
    assert said in details


X = {"x": np.ones((1, 8), "f4")}


@pytest.mark.parametrize(
    ("name", "inputs", "keywords", "code", "said"),
    [
        ("none", X, {}, "NOT_FOUND", "Servable not found for request: Latest(none); no model 'none'"),
        ("", X, {}, "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            "nested",
            X,
            {"signature": "train"},
            "FAILED_PRECONDITION",
            'Serving signature key "train" not found',
        ),
        (
            "nested",
            {"y": X["x"]},
            {},
            "INVALID_ARGUMENT",
            "input size does not match signature: 1!=1 len({y}) != len({x}). Sent extra: {y}. "
            "Missing but required: {x}.",
        ),
        ("nested", {"x": np.ones((1, 7), "f4")}, {}, "INVALID_ARGUMENT", "expected (rows, 8)"),
        ("nested", {"x": np.ones((1, 8))}, {}, "INVALID_ARGUMENT", "has datatype 'FP64'; expected FP32"),
    ],
)
def test_what_predict_refuses(stub: Any, name: str, inputs: Any, keywords: Any, code: str, said: str) -> None:
    got, details = refused(predict, stub, name, inputs, **keywords)
    assert got.name == code
    assert said in details


def test_an_output_that_is_not_there(stub: Any) -> None:
    code, said = refused(predict, stub, "nested", X, "oat")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert said.startswith(
        "output tensor alias not found in signature: oat Outputs expected to be in the set {out}"
    )


def test_what_the_other_methods_refuse(served: Fixture, stub: Any) -> None:
    classify = classification_pb2.ClassificationRequest()
    fill(classify.model_spec, "recurrent")
    assert refused(stub.Classify, classify) == (grpc.StatusCode.INVALID_ARGUMENT, "Input is empty.")
    regress, _ = request_of_several(regression_pb2.RegressionRequest, served)
    fill(regress.model_spec, "several", signature="parts")
    assert "takes numbers of shape (rows,) or (rows, 1)" in refused(stub.Regress, regress)[1]
    several, _ = request_of_several(inference_pb2.MultiInferenceRequest, served)
    for name in ("several", "dense"):
        fill(several.tasks.add(method_name="tensorflow/serving/classify").model_spec, name)
    assert refused(stub.MultiInference, several)[1] == (
        "All ModelSpecs in a MultiInferenceRequest must access the same model name."
    )
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    fill(metadata.model_spec, "dense")
    said = refused(stub.GetModelMetadata, metadata)[1]
    assert said == "GetModelMetadataRequest must specify at least one metadata_field"
