"""The error tree as HTTP status codes."""

import math

import grpc

from horngate.contract.errors import HorngateError, ResourceExhausted
from horngate.oip.status import code_of

_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


def status_of(error: HorngateError) -> int:
    """The HTTP status that tells of an error; 413 for what is too large at any time, 429 for a full queue."""
    if isinstance(error, ResourceExhausted) and error.retry_after_s is None:
        return 413
    return _STATUS.get(code_of(error), 500)


def headers_of(error: HorngateError) -> dict[str, str]:
    """When to ask again, in whole seconds, as HTTP has it."""
    if not isinstance(error, ResourceExhausted) or error.retry_after_s is None:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
