"""How both clients open their channel."""

from typing import Any, Literal, TypeAlias

import grpc
import grpc.aio

Compression: TypeAlias = Literal["gzip"]

_LARGEST_MESSAGE_BYTES = 2**31 - 1

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    # A channel refuses calls between its attempts to connect. gRPC's own waits, up to two minutes, would
    # leave our retries talking to a channel that sleeps while the server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # How long an address that swallows what is sent to it holds a call up.
    ("grpc.min_reconnect_backoff_ms", 5000),
]


def bearer(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token to the server."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


def open_blocking(
    target: str, credentials: grpc.ChannelCredentials | None, compression: Compression | None
) -> grpc.Channel:
    """A channel to `target`, in plain text unless there are credentials; it connects with the first call."""
    packing = _packing(compression)
    if credentials is None:
        return grpc.insecure_channel(target, options=OPTIONS, compression=packing)
    return grpc.secure_channel(target, credentials, options=OPTIONS, compression=packing)


def open_async(
    target: str, credentials: grpc.ChannelCredentials | None, compression: Compression | None
) -> grpc.aio.Channel:
    """The same, for the event loop that runs now."""
    packing = _packing(compression)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=OPTIONS, compression=packing)
    return grpc.aio.secure_channel(target, credentials, options=OPTIONS, compression=packing)


def _packing(compression: Compression | None) -> grpc.Compression | None:
    if compression not in (None, "gzip"):  # gRPC's deflate is not what Horngate's own front end reads.
        raise ValueError(f"received compression={compression!r}; expected 'gzip' or None")
    return grpc.Compression.Gzip if compression else None
