"""What is said of batches that have failed."""

from horngate.contract.errors import HorngateError, InternalError, InvalidRequest, ResourceExhausted
from horngate.server.worker.models import ServedModel

REFUSED_VALUES = ("InvalidArgument", "InvalidArgumentError")
"""ONNX Runtime's and TensorFlow's word for values that an operator refuses, such as an index out of range."""


def explained(fault: Exception, model: ServedModel) -> HorngateError:
    """What a model's batch failed of, in words for whoever sent its requests."""
    if isinstance(fault, ResourceExhausted):
        return ResourceExhausted(f"model '{model.order.name}': {fault}", reason=fault.reason)
    text = f"model '{model.order.name}': {model.calibration.choice.engine} could not run it: {fault}"
    if isinstance(fault, HorngateError) or type(fault).__name__ in REFUSED_VALUES:
        return InvalidRequest(text)
    return InternalError(text)
