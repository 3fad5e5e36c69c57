"""What the HTTP endpoints make of callers that go away or send nonsense, with a gateway that never answers."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from horngate.server.gateway.door import Door
from horngate.server.gateway.http.app import HEADER_LENGTH, application

WHOLE, HALF = b'{"inputs": []}', b'{"inp'


class Gateway(SimpleNamespace):
    """Takes calls and leaves them."""

    max_message_bytes = 1 << 20
    spans = None

    def __init__(self) -> None:
        super().__init__(door=Door(), cancelled=[])

    def handle(self, *_: Any) -> str:
        return "call"

    def cancel(self, call: str) -> None:
        self.cancelled.append(call)


def status_of(gateway: Gateway, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> int:
    """Send this much of a request and go away."""
    left = [{"type": "http.request", "body": body, "more_body": body == HALF}]
    sent: list[Any] = []

    async def receive() -> Any:
        return left.pop() if left else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v2/models/m/infer",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(application(cast(Any, gateway))(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(("body", "cancelled"), [(HALF, []), (WHOLE, ["call"])])
def test_a_caller_that_goes_away_is_no_fault_of_the_server_s(body: bytes, cancelled: list[str]) -> None:
    gateway = Gateway()
    assert status_of(gateway, body) == 499
    assert gateway.cancelled == cancelled


@pytest.mark.parametrize("length", ["-1", "x", "99", "9" * 5000])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert status_of(Gateway(), WHOLE, [(HEADER_LENGTH, length)]) == 400
