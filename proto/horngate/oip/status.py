"""The error tree as gRPC status codes, and back."""

from collections.abc import Iterable

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

RETRY_TRAILER = "retry-after-ms"
"""gRPC's own `grpc-retry-pushback-ms` is reserved: servers' libraries do not let it be sent."""

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


def trailers_of(error: BaseException) -> tuple[tuple[str, str], ...]:
    """The trailing metadata of an error: when to ask again, in milliseconds."""
    if not isinstance(error, ResourceExhausted) or error.retry_after_s is None:
        return ()
    return ((RETRY_TRAILER, str(max(1, round(error.retry_after_s * 1000)))),)


def error_from(
    code: grpc.StatusCode, message: str, trailers: Iterable[tuple[str, str | bytes]] | None = None
) -> HorngateError:
    """The error that `code` tells of; a code that has none of its own is an InternalError that names it."""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ResourceExhausted(message, retry_after_s=_retry_after_s(trailers or ()))
    if code in _ERRORS:
        return _ERRORS[code](message)
    return InternalError(f"{code.name}: {message}")


def _retry_after_s(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    text = next((value for key, value in trailers if key == RETRY_TRAILER), "")
    return int(text) / 1000 if isinstance(text, str) and text.isdecimal() else None
