"""What a call is about, read from its bytes; and what came of it, as it travels between Ray's actors."""

from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError

from horngate.contract.errors import HorngateError, InvalidRequest
from horngate.oip import messages as oip
from horngate.oip.messages import SERVICE
from horngate.oip.status import code_of, trailers_of
from horngate.oip.wire import parse_infer_request
from horngate.v1.describe import SERVICE as DESCRIBE_SERVICE

INFER = f"/{SERVICE}/ModelInfer"
OF_A_MODEL = (
    INFER,
    *(f"/{SERVICE}/{name}" for name in ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics")),
    f"/{DESCRIBE_SERVICE}/DescribeModel",
)
OF_ANY_REPLICA = tuple(f"/{SERVICE}/{name}" for name in ("ServerLive", "ServerReady", "ServerMetadata"))
"""Every other method is unimplemented: what it asks has no one answer for a whole cluster."""


class Subject(NamedTuple):
    """Which model is asked; `sequence` is "" or names one, whose first step this is if `begins`."""

    model: str
    sequence: str = ""
    begins: bool = False


class Outcome(NamedTuple):
    """An answer's bytes, or how gRPC tells that there is none: `code` is OK's name or another's."""

    data: bytes = b""
    code: str = grpc.StatusCode.OK.name
    details: str = ""
    trailers: tuple[tuple[str, str], ...] = ()


def failed(error: HorngateError) -> Outcome:
    """What tells a caller of `error`."""
    return Outcome(code=code_of(error).name, details=str(error), trailers=trailers_of(error))


def subject_of(path: str, data: bytes) -> Subject:
    """What a call of `OF_A_MODEL` is about. InvalidRequest: malformed bytes."""
    if path != INFER:
        try:
            # Each of these messages begins with the model's name and the version.
            return Subject(oip.ModelReadyRequest.FromString(data).name)
        except DecodeError:
            raise InvalidRequest(f"received {len(data)} bytes that are no request of {path}") from None
    message = parse_infer_request(data).message
    if "sequence_id" not in message.parameters:
        return Subject(message.model_name)
    value = message.parameters["sequence_id"]
    name = getattr(value, value.WhichOneof("parameter_choice") or "string_param")
    begins = (
        message.parameters["sequence_start"].bool_param if "sequence_start" in message.parameters else False
    )
    return Subject(message.model_name, f"{message.model_name}\0{name!r}", begins)
