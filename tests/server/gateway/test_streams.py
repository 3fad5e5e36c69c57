"""A stream's bounds and its ends, with a gateway that answers when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from horngate.contract.errors import InvalidRequest, Unauthenticated, Unavailable
from horngate.oip.messages import ModelInferRequest, ModelInferResponse, ModelStreamInferResponse
from horngate.server.gateway.streams import AHEAD, Stream, stream_reply


class Gateway:
    """Takes requests, and answers none by itself."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.waiting: list[Any] = []
        self.cancelled: list[Any] = []

    def handle(self, method: str, data: bytes, deadline_s: float | None, respond: Any, origin: Any) -> Any:
        self.waiting.append((data, respond))
        return data

    def cancel(self, call: Any) -> None:
        self.cancelled.append(call)

    def answer(self, number: int) -> None:
        data, respond = self.waiting[number]
        respond(ModelInferResponse(id=data.decode()).SerializeToString())


async def endless() -> AsyncIterator[bytes]:
    number = 0
    while True:
        yield str(number).encode()
        number += 1
        await asyncio.sleep(0)


async def turns() -> None:
    for _ in range(3 * AHEAD):
        await asyncio.sleep(0)


def served(gateway: Gateway, written: list[str]) -> "asyncio.Task[None]":
    async def write(data: bytes) -> None:
        written.append(ModelStreamInferResponse.FromString(data).infer_response.id)

    return asyncio.create_task(Stream(cast(Any, gateway), write, None).serve(endless()))


def test_no_more_is_read_than_may_wait_and_order_is_kept() -> None:
    async def run() -> None:
        gateway, written = Gateway(), list[str]()
        task = served(gateway, written)
        await turns()
        assert len(gateway.waiting) == AHEAD
        for number in (2, 1):
            gateway.answer(number)
        await turns()
        assert written == []
        assert len(gateway.waiting) == AHEAD
        gateway.answer(0)
        await turns()
        assert written == ["0", "1", "2"]
        assert len(gateway.waiting) == AHEAD + 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(gateway.cancelled) == AHEAD

    asyncio.run(run())


def test_a_server_that_goes_away_answers_what_it_took_and_says_so() -> None:
    async def run() -> None:
        gateway, written = Gateway(), list[str]()
        task = served(gateway, written)
        await turns()
        gateway.stopping.set()
        await turns()
        assert not task.done()
        for number in range(AHEAD):
            gateway.answer(number)
        with pytest.raises(Unavailable, match="shutting down"):
            await task
        assert len(written) == AHEAD

    asyncio.run(run())


def test_a_stream_that_is_ended_answers_nothing_more() -> None:
    async def run() -> None:
        gateway, written = Gateway(), list[str]()

        async def write(data: bytes) -> None:
            written.append("something")

        stream = Stream(cast(Any, gateway), write, None)
        task = asyncio.create_task(stream.serve(endless()))
        await turns()
        stream.end(Unauthenticated("the token is gone"))
        stream.end(Unauthenticated("again"))
        with pytest.raises(Unauthenticated, match="the token is gone"):
            await task
        assert (written, len(gateway.cancelled)) == ([], AHEAD)

    asyncio.run(run())


@pytest.mark.parametrize("stops", [False, True])
def test_a_caller_that_takes_nothing_is_let_go_of(stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner where the server stops; never while no answer waits to be taken."""
    patience = "UNTAKEN_STOPPING_S" if stops else "UNTAKEN_S"
    monkeypatch.setattr(f"horngate.server.gateway.streams.{patience}", 0.05)

    async def run() -> None:
        gateway, begun = Gateway(), asyncio.Event()

        async def write(data: bytes) -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Stream(cast(Any, gateway), write, None).serve(endless()))
        await turns()
        if stops:
            gateway.stopping.set()
        await asyncio.wait((task,), timeout=0.2)
        assert not task.done()
        gateway.answer(0)
        with pytest.raises(Unavailable, match=r"not taken for 0\.05 s"):
            await asyncio.wait_for(task, 30)
        assert begun.is_set()
        assert len(gateway.cancelled) == AHEAD

    asyncio.run(run())


def test_an_error_is_told_inside_of_the_stream() -> None:
    request = ModelInferRequest(id="mine").SerializeToString()
    reply = ModelStreamInferResponse.FromString(stream_reply(InvalidRequest("no"), request))
    assert (reply.error_message, reply.infer_response.id) == ("no", "mine")
    answer = ModelInferResponse(id="mine", model_version="x" * 300)
    reply = ModelStreamInferResponse.FromString(stream_reply(answer.SerializeToString(), request))
    assert reply.infer_response.parameters["triton_final_response"].bool_param
    assert reply.infer_response.model_version == "x" * 300
