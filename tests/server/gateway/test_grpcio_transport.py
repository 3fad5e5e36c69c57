"""How a gateway over grpcio stops, with callers that wait and callers that take nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from horngate.oip.messages import SERVICE
from horngate.server.gateway.door import Door
from horngate.server.gateway.grpcio_transport import GrpcioTransport
from horngate.server.gateway.streams import AHEAD

ANSWER = bytes(2 << 20)
GRACE_S = 60.0
SOON_S = 20.0
WAITING = b"waiting"


class Gateway:
    """Answers each request at once, but those in `waiting`."""

    max_message_bytes = 1 << 20
    spans = None

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.door = Door(None)
        self.asked = asyncio.Event()
        self.handled = 0
        self.waiting: list[Any] = []

    def on_routes(self, update: Any) -> None:
        """None change."""

    def handle(self, method: str, data: bytes, deadline_s: float | None, respond: Any, origin: Any) -> Any:
        if data == WAITING:
            self.waiting.append(respond)
        else:
            respond(ANSWER)
        self.handled += 1
        self.asked.set()
        return data

    def cancel(self, call: Any) -> None:
        """Nothing is computed."""


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("horngate.server.gateway.streams.UNTAKEN_STOPPING_S", 0.2)
    monkeypatch.setattr("horngate.server.gateway.grpcio_transport.FLUSH_S", 0.2)


async def started(gateway: Gateway) -> tuple[GrpcioTransport, grpc.aio.Channel]:
    transport = GrpcioTransport(cast(Any, gateway))
    port = await transport.start("127.0.0.1:0")
    return transport, grpc.aio.insecure_channel(f"127.0.0.1:{port}")


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"request"
        await asyncio.sleep(0)


@pytest.mark.usefixtures("impatience")
def test_a_stream_that_is_not_read_does_not_hold_a_server_that_stops() -> None:
    async def run() -> None:
        gateway = Gateway()
        transport, channel = await started(gateway)
        call = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(endless())
        assert len(await call.read()) > len(ANSWER)
        while gateway.handled < AHEAD:
            await asyncio.sleep(0.01)
        gateway.stopping.set()
        await asyncio.wait_for(transport.stop(GRACE_S), SOON_S)
        await channel.close()

    asyncio.run(run())


def test_a_call_that_waits_is_answered_before_a_server_stops() -> None:
    async def run() -> None:
        gateway = Gateway()
        transport, channel = await started(gateway)
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer")(WAITING)
        await gateway.asked.wait()
        stopping = asyncio.ensure_future(transport.stop(GRACE_S))
        await asyncio.wait((stopping,), timeout=0.3)
        assert not stopping.done()
        gateway.waiting[0](b"answer")
        assert await call == b"answer"
        await asyncio.wait_for(stopping, SOON_S)
        await channel.close()

    asyncio.run(run())


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_large_answer_is_read_whole_before_a_server_stops(is_stream: bool) -> None:
    """Of so many, each the last of its connection, some were lost every time: their callers were reading yet."""
    connections, answer = 30, bytes(1 << 18)

    async def asked(channel: grpc.aio.Channel) -> Any:
        if not is_stream:
            return channel.unary_unary(f"/{SERVICE}/ModelInfer")(WAITING)
        call = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")()
        await call.write(WAITING)
        return call.read()

    async def run() -> None:
        gateway = Gateway()
        transport = GrpcioTransport(cast(Any, gateway))
        port = await transport.start("127.0.0.1:0")
        options = [("grpc.use_local_subchannel_pool", 1)]
        first, *channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(1 + connections)
        ]
        # That answers are large is known of one before.
        assert await first.unary_unary(f"/{SERVICE}/ModelInfer")(b"at once") == ANSWER
        await first.close()
        calls = [asyncio.ensure_future(each) for each in [await asked(channel) for channel in channels]]
        while len(gateway.waiting) < connections:
            await asyncio.sleep(0.01)
        gateway.stopping.set()
        stopping = asyncio.ensure_future(transport.stop(GRACE_S))
        await asyncio.wait(
            (stopping,), timeout=0.2
        )  # Connections are told meanwhile, and stay for these calls.
        for respond in gateway.waiting:
            respond(answer)
            await asyncio.wait(calls, timeout=0.01)  # One after the other: a busy server is the slower one.
        sizes = {len(each) for each in await asyncio.gather(*calls)}
        assert min(sizes) >= len(answer)
        await asyncio.wait_for(stopping, SOON_S)
        for channel in channels:
            await channel.close()

    asyncio.run(run())


def test_a_large_answer_comes_before_its_caller_s_deadline_when_a_server_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("horngate.server.gateway.grpcio_transport.READING_S", 60.0)

    async def run() -> None:
        gateway = Gateway()
        transport, channel = await started(gateway)
        ask = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        assert await ask(b"at once") == ANSWER
        call = asyncio.ensure_future(ask(WAITING, timeout=2.0))
        while not gateway.waiting:
            await asyncio.sleep(0.01)
        gateway.stopping.set()
        gateway.waiting[0](ANSWER)
        assert await call == ANSWER
        await channel.close()
        await transport.stop(GRACE_S)

    asyncio.run(run())
