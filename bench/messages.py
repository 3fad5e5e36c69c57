"""The messages that benchmarks send."""

import numpy as np

from horngate.contract.tensors import datatype_of
from horngate.oip.codec import encode_tensor
from horngate.oip.messages import ModelInferRequest
from horngate.oip.wire import assemble_infer_request


def infer_message(model: str, tensor: str, array: np.ndarray) -> bytes:
    """A ModelInferRequest with one input, as raw bytes."""
    header = ModelInferRequest(model_name=model)
    header.inputs.add(name=tensor, datatype=datatype_of(array.dtype), shape=array.shape)
    return assemble_infer_request(header, [encode_tensor(array)])
