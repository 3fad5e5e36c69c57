"""grpc.health.v1 and reflection, from grpcio's own stubs, on both transports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from horngate.cli.serving import serving

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture(scope="module", params=["native", "grpcio"])
def channel(
    request: pytest.FixtureRequest,
    saved_models: tuple[Path, dict[str, Any]],
    cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[grpc.Channel]:
    workspace = tmp_path_factory.mktemp("health")
    arguments = ("--cache", str(cache), "--transport", request.param)
    with (
        serving(saved_models[0], workspace=workspace, arguments=arguments) as server,
        grpc.insecure_channel(server.grpc) as connected,
    ):
        yield connected


def test_check_by_model(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "dense", "nested"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=60)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_watch_tells_the_present_state_first(channel: grpc.Channel) -> None:
    watch = health_pb2_grpc.HealthStub(channel).Watch(
        health_pb2.HealthCheckRequest(service="dense"), timeout=60
    )
    assert next(watch).status == SERVING
    watch.cancel()


def test_reflection_describes_every_service(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    assert {
        "inference.GRPCInferenceService",
        "horngate.v1.Horngate",
        "grpc.health.v1.Health",
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
    } < services
    pool = DescriptorPool(database)
    # Every one, reflection itself too, down to its messages, as grpcurl walks.
    methods = [method for service in services for method in pool.FindServiceByName(service).methods]
    assert all(
        GetMessageClass(kind) for method in methods for kind in (method.input_type, method.output_type)
    )
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    assert service.methods_by_name["ModelInfer"].input_type.fields_by_name["raw_input_contents"].number == 7


def test_a_client_that_knows_reflection_alone_predicts_as_with_tensorflow_serving(
    channel: grpc.Channel,
) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("tensorflow.serving.PredictionService").methods_by_name["Predict"]
    request = GetMessageClass(method.input_type)()
    request.model_spec.name = "nested"
    tensor = request.inputs["x"]
    tensor.dtype = 1
    for size in (2, 8):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(1)
    call = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    answer = call(request, timeout=30).outputs["out"]
    first, second = np.reshape(answer.float_val, (2, 2))
    np.testing.assert_array_equal(first, second)
    request.model_spec.version.value = 9
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=30)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
