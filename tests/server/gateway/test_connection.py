"""Payloads of calls in the memory shared with a worker: taken together, and given back with the last."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from horngate.contract.errors import InvalidRequest
from horngate.server.frames.channel import INLINE_BYTES, Payload
from horngate.server.gateway.connection import Connection

LARGE = bytes(INLINE_BYTES)


def some_and_a_fault(connection: Connection) -> Iterator[Payload]:
    yield connection.put(LARGE)
    yield connection.put(LARGE)
    raise InvalidRequest("the third has shrunk")


def test_what_is_held_is_free_when_all_are_answered_or_one_cannot_be_put(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "w"))
            listener.listen()
            connection = Connection(str(tmp_path / "w"), lambda frames: None, lambda: None)
            with pytest.raises(InvalidRequest):
                connection.hold(some_and_a_fault(connection))
            held = connection.hold(map(connection.put, (b"small", LARGE)), calls=2)
            assert held.payloads == [b"small", [0, INLINE_BYTES]]
            connection.leave(held)
            assert connection.put(LARGE) == [INLINE_BYTES, INLINE_BYTES]
            connection.leave(held)
            assert connection.put(LARGE) == [0, INLINE_BYTES]
            connection.close()

    asyncio.run(run())
