from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2

from horngate.oip import grpc_service_pb2, model_config_pb2
from horngate.oip.messages import POOL, SERVICE, TYPE_FP32, DataType, ModelConfig
from horngate.oip.pool import add_file


def test_messages_live_in_a_pool_of_their_own():
    assert POOL.FindMessageTypeByName("inference.ModelConfig") is ModelConfig.DESCRIPTOR
    assert descriptor_pool.Default() is not POOL
    assert grpc_service_pb2.DESCRIPTOR.pool is POOL


def test_the_service_has_tritons_twenty_calls():
    service = POOL.FindServiceByName(SERVICE)
    assert len(service.methods) == 20
    assert service.methods_by_name["ModelStreamInfer"].server_streaming


def test_other_files_join_the_pool_for_reflection_and_may_do_so_again():
    add_file(health_pb2.DESCRIPTOR)
    add_file(health_pb2.DESCRIPTOR)
    assert "Watch" in POOL.FindServiceByName("grpc.health.v1.Health").methods_by_name


def test_enums_and_their_values_are_exported():
    assert DataType.Name(TYPE_FP32) == "TYPE_FP32"
    assert model_config_pb2.TYPE_STRING == 13
