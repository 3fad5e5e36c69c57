"""Callers that dawdle over a request's head, or have a large one, are given up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from horngate.server.gateway.http import patience
from horngate.server.gateway.http.patience import MOST_HEAD_BYTES, PatientProtocol

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
PATIENCE_S = 60.0

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def served(talk: Talk) -> None:
    async def run() -> None:
        config, state, loop = Config(application, lifespan="off"), ServerState(), asyncio.get_running_loop()
        config.load()
        server = await loop.create_server(
            lambda: PatientProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with server, asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await talk(reader, writer)
            writer.close()

    asyncio.run(run())


async def is_ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HT", GET[:-2], GET + GET[:-2]])
def test_a_head_that_does_not_come_ends_the_connection(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        if begun.startswith(GET):
            await reader.readuntil(b"ok")
        assert await is_ended(reader)

    served(talk)


def test_what_is_no_request_does_not_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "KEEP_ALIVE_S", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GET)
        await reader.readuntil(b"ok")
        writer.write(b"\r\n")  # uvicorn's own timer ends with any byte.
        assert await is_ended(reader)

    served(talk)


def test_requests_follow_one_another() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for requests in (1, 3, 1):
            writer.write(GET * requests)
            for _ in range(requests):
                await reader.readuntil(b"ok")

    served(talk)


@pytest.mark.parametrize("line", [b"x: " + b"y" * 1000 + b"\r\n", b"y" * 1000], ids=["lines", "one line"])
def test_a_large_head_ends_the_connection(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 10 * PATIENCE_S)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GET[:-2] + b"x: ")
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(line)
                await writer.drain()
                await asyncio.sleep(0)
        assert await is_ended(reader)

    served(talk)


def test_a_large_body_is_no_head() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (20 * MOST_HEAD_BYTES)
        writer.write(head[:20])
        await writer.drain()
        writer.write(head[20:] + b"z" * 20 * MOST_HEAD_BYTES + GET)
        for _ in range(2):
            await reader.readuntil(b"ok")

    served(talk)
