"""The Open Inference Protocol's messages, for codecs and rpc modules: all of `inference.*`."""

# ruff: noqa: F403 - sixty names, every one of them the protocol's; the stubs beside the modules list them.
from horngate.oip.grpc_service_pb2 import *
from horngate.oip.model_config_pb2 import *
from horngate.oip.pool import POOL as POOL

SERVICE = "inference.GRPCInferenceService"
"""The service's full name: a method's path is `/{SERVICE}/{method}`."""
