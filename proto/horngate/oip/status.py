"""The error tree as gRPC status codes, and back."""

import grpc

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    InvalidRequest,
    LoadError,
    NotFound,
    ResourceExhausted,
    Unavailable,
    Unsupported,
)

_CODES: dict[type[HorngateError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    LoadError: grpc.StatusCode.FAILED_PRECONDITION,
    InternalError: grpc.StatusCode.INTERNAL,
}
_ERRORS = {code: error for error, code in _CODES.items()} | {
    # Other servers' words for the same things.
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.ABORTED: Unavailable,
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The code that tells a caller of `error`; INTERNAL for what is not one of ours."""
    for cls in type(error).__mro__:
        if cls in _CODES:
            return _CODES[cls]
    return grpc.StatusCode.INTERNAL


def error_from(code: grpc.StatusCode, message: str) -> HorngateError:
    """The error that `code` tells of; a code that has none of its own is an InternalError that names it."""
    if code in _ERRORS:
        return _ERRORS[code](message)
    return InternalError(f"{code.name}: {message}")
