"""Arrays in shared memory that a server knows, and requests that point there."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import grpc

from horngate.cli.serving import Serving
from horngate.contract.tensors import datatype_of
from horngate.oip.messages import (
    ModelInferRequest,
    SystemSharedMemoryRegisterRequest,
    SystemSharedMemoryUnregisterRequest,
)

SERVICE = "/inference.GRPCInferenceService"


@contextmanager
def region(server: Serving, name: str, array: Any) -> Iterator[None]:
    """The array as the region of that name."""
    memory = SharedMemory(create=True, size=array.nbytes)
    try:
        memory.buf[: array.nbytes] = array.tobytes()
        wanted = SystemSharedMemoryRegisterRequest(
            name=name, key=f"/{memory.name}", byte_size=array.nbytes
        ).SerializeToString()
        with grpc.insecure_channel(server.grpc) as channel:
            channel.unary_unary(f"{SERVICE}/SystemSharedMemoryRegister")(wanted)
            yield
            unwanted = SystemSharedMemoryUnregisterRequest(name=name).SerializeToString()
            channel.unary_unary(f"{SERVICE}/SystemSharedMemoryUnregister")(unwanted)
    finally:
        memory.close()
        memory.unlink()


def pointing_message(model: str, tensor: str, array: Any, region: str) -> bytes:
    """A ModelInferRequest with one input, which lies there."""
    request = ModelInferRequest(model_name=model)
    sent = request.inputs.add(name=tensor, datatype=datatype_of(array.dtype), shape=array.shape)
    sent.parameters["shared_memory_region"].string_param = region
    sent.parameters["shared_memory_byte_size"].int64_param = array.nbytes
    return bytes(request.SerializeToString())
