"""How both clients open their channel."""

from typing import Any

import grpc
import grpc.aio

_LARGEST_MESSAGE_BYTES = 2**31 - 1

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    # A channel refuses calls between its attempts to connect. gRPC's own waits, up to two minutes, would
    # leave our retries talking to a channel that sleeps while the server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


def bearer(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token to the server."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


def open_blocking(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """A channel to `target`, in plain text unless there are credentials; it connects with the first call."""
    if credentials is None:
        return grpc.insecure_channel(target, options=OPTIONS)
    return grpc.secure_channel(target, credentials, options=OPTIONS)


def open_async(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """The same, for the event loop that runs now."""
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=OPTIONS)
    return grpc.aio.secure_channel(target, credentials, options=OPTIONS)
