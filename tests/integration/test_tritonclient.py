"""NVIDIA's tritonclient, unmodified, against a running server."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2

from tests.integration.conftest import Fixture
from tests.integration.models import inputs_for


@pytest.fixture
def remote(served: Fixture) -> Iterator[Any]:
    client = triton.InferenceServerClient(served.server.grpc)
    yield client
    client.close()


def tensor(name: str, array: np.ndarray, datatype: str = "FP32") -> Any:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def test_server_and_models_are_live_and_ready(remote: Any) -> None:
    assert remote.is_server_live()
    assert remote.is_server_ready()
    assert remote.is_model_ready("dense")
    assert remote.is_model_ready("nested", "2")
    with pytest.raises(triton.InferenceServerException, match="NOT_FOUND"):
        remote.is_model_ready("nested", "1")


def test_metadata_counts_the_rows_axis_and_config_does_not(remote: Any) -> None:
    assert remote.get_server_metadata().name == "horngate"
    metadata = remote.get_model_metadata("several", as_json=True)
    assert [one["name"] for one in metadata["inputs"]] == ["left", "right"]
    assert [one["shape"] for one in metadata["outputs"]] == [["-1", "1"], ["-1", "4"]]
    config = remote.get_model_config("several", as_json=True)["config"]
    assert [one["dims"] for one in config["input"]] == [["6"], ["6"]]
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert config["max_batch_size"] >= 1
    told = {name: value["string_value"] for name, value in config["parameters"].items()}
    assert told["horngate.precision"] == "float32"
    assert 0 <= float(told["horngate.error"]) <= 1e-5


def test_several_inputs_and_outputs_in_any_order(served: Fixture, remote: Any) -> None:
    model = served.models["several"]
    left, right = inputs_for(model, rows=3, seed=2)
    total, parts = model.predict([left, right], verbose=0)
    wanted = [triton.InferRequestedOutput("parts"), triton.InferRequestedOutput("total")]
    answer = remote.infer("several", [tensor("right", right), tensor("left", left)], outputs=wanted)
    np.testing.assert_allclose(answer.as_numpy("total"), total, atol=1e-6)
    np.testing.assert_allclose(answer.as_numpy("parts"), parts, atol=1e-6)
    assert answer.get_response().outputs[0].name == "parts"


def test_a_layer_is_requested_like_any_output(served: Fixture, remote: Any) -> None:
    x = inputs_for(served.models["dense"], rows=2, seed=2)[0]
    wanted = [triton.InferRequestedOutput(name) for name in ("hidden", "probabilities")]
    answer = remote.infer("dense", [tensor("input_layer", x)], outputs=wanted, request_id="mine")
    assert answer.as_numpy("hidden").shape == (2, 16)
    assert answer.as_numpy("probabilities").shape == (2, 4)
    assert answer.get_response().id == "mine"


def test_typed_contents_are_taken_like_raw_ones(served: Fixture, remote: Any) -> None:
    x = inputs_for(served.models["dense"], rows=2, seed=2)[0]
    request = service_pb2.ModelInferRequest(model_name="dense")
    typed = request.inputs.add(name="input_layer", datatype="FP32", shape=x.shape)
    typed.contents.fp32_contents.extend(x.ravel().tolist())
    answer = remote._client_stub.ModelInfer(request)
    result = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(2, 4)
    np.testing.assert_allclose(result, served.models["dense"].predict(x, verbose=0), atol=1e-6)


def test_integer_inputs(served: Fixture, remote: Any) -> None:
    tokens = inputs_for(served.models["recurrent"], rows=2, seed=2)[0]
    answer = remote.infer("recurrent", [tensor("tokens", tokens, "INT32")]).as_numpy("scores")
    np.testing.assert_allclose(answer, served.models["recurrent"].predict(tokens, verbose=0), atol=1e-6)


def test_the_index_lists_every_model(served: Fixture, remote: Any) -> None:
    index = remote.get_model_repository_index().models
    assert {(one.name, one.state) for one in index} == {(name, "READY") for name in served.names}


def test_the_asyncio_client(served: Fixture) -> None:
    x = inputs_for(served.models["dense"], rows=5, seed=2)[0]

    async def ask() -> np.ndarray:
        async with triton_aio.InferenceServerClient(served.server.grpc) as client:
            answers = await asyncio.gather(
                *(client.infer("dense", [tensor("input_layer", x)]) for _ in range(16))
            )
            return np.stack([answer.as_numpy("probabilities") for answer in answers])

    truth = served.models["dense"].predict(x, verbose=0)
    np.testing.assert_allclose(asyncio.run(ask()), np.stack([truth] * 16), atol=1e-6)


def test_compressed_requests(served: Fixture, remote: Any) -> None:
    x = inputs_for(served.models["dense"], rows=64, seed=2)[0]
    answer = remote.infer("dense", [tensor("input_layer", x)], compression_algorithm="gzip")
    assert answer.as_numpy("probabilities").shape == (64, 4)


def test_what_is_not_offered_says_so(remote: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="UNIMPLEMENTED"):
        remote.get_trace_settings()
    extensions = list(remote.get_server_metadata().extensions)
    assert extensions == [
        "binary_tensor_data",
        "classification",
        "logging",
        "model_configuration",
        "model_repository",
        "model_repository(unload_dependents)",
        "parameters",
        "schedule_policy",
        "sequence",
        "statistics",
    ]
