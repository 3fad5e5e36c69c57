"""Many callers at once of one server, some patient, some not: what each of them was answered."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import grpc
import grpc.aio
import numpy as np

from horngate.oip.messages import SERVICE, ModelInferResponse, ModelStreamInferResponse
from tests.integration.asking import Ask

CHANNELS = 4
PATIENCE_S = 120.0
MANNERS = {"patient": 12, "slow": 3, "stream": 3, "late": 2, "leaves": 2}
"""How callers ask, and how often so: with a far deadline, none that is passed, and by going away."""

BRIEF_S = 0.03
IMPATIENT = {
    "late": {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"},
    "leaves": {"CANCELLED"},
}
"""What these may be told instead of an answer."""

_FINAL = "triton_final_response"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a request: a response, or a status. In a stream there is but a text."""

    ask: Ask
    manner: str = "patient"
    code: str = "OK"
    details: str = ""
    response: ModelInferResponse | None = None


class Callers:
    """As many as are wanted, of one server, over a few connections. A context manager."""

    def __init__(self, address: str, random: Random) -> None:
        self._random = random
        self._runner = asyncio.Runner()
        self._channels = self._runner.run(_connected(address))

    def __enter__(self) -> "Callers":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(_closed(self._channels))
        self._runner.close()

    def alone(self, asks: Iterable[Ask]) -> dict[Ask, Outcome]:
        """What each request gets when it has the server for itself."""
        return {ask: self._runner.run(_unary(self._channels[0], ask, "patient", PATIENCE_S)) for ask in asks}

    def mixed(self, asks: Iterable[Ask], at_once: int) -> list[Outcome]:
        """Ask all of these, so many at once, each in a manner of its own."""
        return self._runner.run(asyncio.wait_for(self._mixed(iter(asks), at_once), PATIENCE_S))

    async def _mixed(self, waiting: Iterator[Ask], at_once: int) -> list[Outcome]:
        channels = [self._channels[number % CHANNELS] for number in range(at_once)]
        outcomes = await asyncio.gather(*(self._some(channel, waiting) for channel in channels))
        return [outcome for some in outcomes for outcome in some]

    async def _some(self, channel: grpc.aio.Channel, waiting: Iterator[Ask]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for ask in waiting:
            [manner] = self._random.choices(list(MANNERS), list(MANNERS.values()))
            if manner == "stream":
                others = itertools.islice(waiting, self._random.randrange(6))
                outcomes += await _stream(channel, [ask, *others])
            elif manner == "leaves":
                outcomes.append(await _leaving(channel, ask, self._random.random() * BRIEF_S))
            else:
                brief_s = self._random.random() * BRIEF_S
                timeout_s = {"patient": None, "slow": PATIENCE_S, "late": brief_s}[manner]
                outcomes.append(await _unary(channel, ask, manner, timeout_s))
        return outcomes


async def _connected(address: str) -> list[grpc.aio.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    return [grpc.aio.insecure_channel(address, options=options) for _ in range(CHANNELS)]


async def _closed(channels: Iterable[grpc.aio.Channel]) -> None:
    for channel in channels:
        await channel.close()


async def _unary(channel: grpc.aio.Channel, ask: Ask, manner: str, timeout_s: float | None) -> Outcome:
    call = channel.unary_unary(f"/{SERVICE}/ModelInfer", None, ModelInferResponse.FromString)
    try:
        return Outcome(ask=ask, manner=manner, response=await call(ask.message, timeout=timeout_s))
    except grpc.aio.AioRpcError as error:
        return Outcome(ask=ask, manner=manner, code=error.code().name, details=error.details() or "")


async def _leaving(channel: grpc.aio.Channel, ask: Ask, after_s: float) -> Outcome:
    asked = asyncio.ensure_future(_unary(channel, ask, "leaves", None))
    await asyncio.wait((asked,), timeout=after_s)
    asked.cancel()
    try:
        return await asked
    except asyncio.CancelledError:
        return Outcome(ask=ask, manner="leaves", code="CANCELLED")


async def _stream(channel: grpc.aio.Channel, asks: Sequence[Ask]) -> list[Outcome]:
    """A stream's answers are in the order of its requests."""
    call = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer", None, ModelStreamInferResponse.FromString)(
        iter([ask.message for ask in asks])
    )
    answers = [answer async for answer in call]
    assert len(answers) == len(asks)
    return [_streamed(ask, answer) for ask, answer in zip(asks, answers, strict=True)]


def _streamed(ask: Ask, answer: ModelStreamInferResponse) -> Outcome:
    if answer.error_message:
        return Outcome(ask=ask, manner="stream", code="", details=answer.error_message)
    del answer.infer_response.parameters[_FINAL]
    return Outcome(ask=ask, manner="stream", response=answer.infer_response)


def difference(outcome: Outcome, expected: Outcome) -> str:
    """What is wrong with an outcome, if anything is; `expected` is what the request gets alone."""
    if outcome.code in IMPATIENT.get(outcome.manner, ()):
        return ""
    if outcome.response is None or expected.response is None:
        told, meant = (outcome.code, outcome.details), (expected.code, expected.details)
        return "" if told[1:] == meant[1:] and told[0] in ("", meant[0]) else f"{told} instead of {meant}"
    heads = [_head(each.response) for each in (outcome, expected)]
    if heads[0] != heads[1]:
        return f"{heads[0]} instead of {heads[1]}"
    return _contents_differ(outcome.response, expected.response)


def _head(response: ModelInferResponse | None) -> bytes:
    head = ModelInferResponse()
    head.CopyFrom(response or head)
    del head.raw_output_contents[:]
    return bytes(head.SerializeToString(deterministic=True))


def _contents_differ(response: ModelInferResponse, expected: ModelInferResponse) -> str:
    pairs = zip(response.raw_output_contents, expected.raw_output_contents, strict=True)
    for output, (got, meant) in zip(response.outputs, pairs, strict=True):
        if output.datatype != "FP32":
            if got != meant:
                return f"{output.name}: {got!r} instead of {meant!r}"
            continue
        apart = np.abs(np.frombuffer(got, np.float32) - np.frombuffer(meant, np.float32))
        if apart.size and apart.max() > 1e-5:
            return f"{output.name} is off by {apart.max()}"
    return ""
