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
    PermissionDenied,
    ResourceExhausted,
    SequenceExpired,
    SequenceLost,
    SequenceUnknown,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

RETRY_TRAILER = "retry-after-ms"
"""gRPC's own `grpc-retry-pushback-ms` is reserved: servers' libraries do not let it be sent."""

KIND_TRAILER = "horngate-error"
"""Names an error that shares its code with others."""

_KINDS: dict[str, type[HorngateError]] = {
    kind.__name__: kind for kind in (SequenceExpired, SequenceLost, SequenceUnknown)
}
_CODES: dict[type[HorngateError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    SequenceExpired: grpc.StatusCode.FAILED_PRECONDITION,
    SequenceLost: grpc.StatusCode.ABORTED,
    LoadError: grpc.StatusCode.FAILED_PRECONDITION,
    InternalError: grpc.StatusCode.INTERNAL,
}
_ERRORS = {code: error for error, code in _CODES.items()} | {
    # Other servers' words for the same things.
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.ABORTED: Unavailable,
    # Not by the caller: so gRPC's servers end what is under way when they are stopped.
    grpc.StatusCode.CANCELLED: Unavailable,
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The code that tells a caller of `error`; INTERNAL for what is not one of ours."""
    for cls in type(error).__mro__:
        if cls in _CODES:
            return _CODES[cls]
    return grpc.StatusCode.INTERNAL


def trailers_of(error: BaseException) -> tuple[tuple[str, str], ...]:
    """The trailing metadata of an error: when to ask again, in milliseconds; which of several errors it is."""
    if type(error).__name__ in _KINDS:
        return ((KIND_TRAILER, type(error).__name__),)
    if not isinstance(error, ResourceExhausted) or error.retry_after_s is None:
        return ()
    return ((RETRY_TRAILER, str(max(1, round(error.retry_after_s * 1000)))),)


def error_from(
    code: grpc.StatusCode, message: str, trailers: Iterable[tuple[str, str | bytes]] | None = None
) -> HorngateError:
    """The error that `code` tells of; a code that has none of its own is an InternalError that names it."""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ResourceExhausted(message, retry_after_s=_retry_after_s(trailers or ()))
    kind = _KINDS.get(_text(trailers or (), KIND_TRAILER))
    if kind is not None:
        return kind(message)
    if code in _ERRORS:
        return _ERRORS[code](message)
    return InternalError(f"{code.name}: {message}")


def _retry_after_s(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    text = _text(trailers, RETRY_TRAILER)
    return int(text) / 1000 if text.isdecimal() else None


def _text(trailers: Iterable[tuple[str, str | bytes]], key: str) -> str:
    found = next((value for name, value in trailers if name == key), "")
    return found if isinstance(found, str) else ""
